/** A stream and a bucket of a simulated NATS as a process sees them: through requests. */
import {
  MessageMissing,
  NatsUnreachable,
  type Appended,
  type KeyBucket,
  type StreamLog,
} from '../../../transport/index.js'
import type { SimulatedNats } from './connection.js'
import { Watcher } from './watcher.js'

/** Messages that one reply of a read brings. */
const readBatch = 64

export function streamOver(nats: SimulatedNats, name: string, replicas: number): StreamLog {
  const kept = nats.service.stream(name)
  const ask = <T>(what: string, apply: () => T): Promise<T> =>
    nats.call({ name: `${what} ${name}`, apply, writes: false, of: name })
  return {
    name,
    replicas,
    append: (bytes, after) => {
      const copy = Buffer.from(bytes)
      nats.world.kernel.note(name, copy)
      return write(nats, `append ${name}`, () => kept.append(copy, after))
    },
    at: (sequence) => ask('at', () => copyOf(kept.at(sequence))),
    bounds: () => ask('bounds', () => ({ first: kept.first, last: kept.last })),
    read: async (from, to, onMessage, nextPiece = () => Promise.resolve()) => {
      for (let next = from; next <= to; next += readBatch) {
        const end = Math.min(next + readBatch - 1, to)
        await nextPiece()
        const batch = await ask('read', () =>
          Array.from({ length: end - next + 1 }, (_, i) => copyOf(kept.at(next + i))),
        )
        for (const [i, bytes] of batch.entries()) {
          if (bytes === undefined) throw new MessageMissing(name, next + i)
          onMessage(next + i, bytes)
        }
      }
    },
    purge: async (upTo) => {
      await nats.call({
        name: `purge ${name}`,
        apply: () => kept.purge(upTo),
        writes: true,
        of: name,
      })
    },
  }
}

export function bucketOver(nats: SimulatedNats, name: string, replicas: number): KeyBucket {
  const kept = nats.service.bucket(name)
  const { kernel, random, weather, counts } = nats.world
  const ask = <T>(what: string, apply: () => T): Promise<T> =>
    nats.call({ name: `${what} ${name}`, apply, writes: false, of: name })
  return {
    replicas,
    get: (key) =>
      ask(`get ${key}`, () => {
        if (!random.chance(weather.staleGet)) return kept.get(key)
        counts.add('nats_stale_get')
        return kept.get(key, kernel.now - random.exponential(300))
      }),
    put: (key, value, revision) => {
      const copy = Buffer.from(value)
      kernel.note(key, copy)
      return write(nats, `put ${key}`, () => kept.change(key, copy, revision, kernel.now))
    },
    remove: (key, revision) =>
      write(nats, `remove ${key}`, () => kept.change(key, undefined, revision, kernel.now)),
    history: (key) => ask(`history ${key}`, () => kept.history(key)),
    watch: (prefix, onChange) => {
      const watcher = new Watcher(nats, kept, prefix, onChange)
      return () => watcher.stop()
    },
  }
}

async function write(nats: SimulatedNats, name: string, apply: () => Appended): Promise<Appended> {
  try {
    return await nats.call({ name, apply, writes: true, of: name })
  } catch (error) {
    if (!(error instanceof NatsUnreachable)) throw error
    return { outcome: 'unknown', reason: error.message }
  }
}

function copyOf(bytes: Uint8Array | undefined): Uint8Array | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes)
}
