/**
 * A whole runtime – shards, outbox, snapshots, journal, recovery – on a disk that loses power at every
 * single I/O call, with six images of what may have survived each, and again while it recovers.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { addressOf } from './actor/address.js'
import { defineActor } from './actor/define-actor.js'
import { seeded } from './journal/testing/folder-owner.js'
import { JournalEnv } from './journal/testing/journal-env.js'
import {
  allSurvives,
  MemoryDisk,
  nothingSurvives,
  type Survival,
} from './journal/testing/memory-disk.js'
import type { Runtime } from './runtime-interface.js'
import { openRuntime } from './runtime.js'

const jar = defineActor({
  kind: 'jar',
  state: { beans: 0 },
  events: { changed: (state, { by }: { by: number }) => ({ beans: state.beans + by }) },
  commands: {
    fill(turn, { beans }: { beans: number }) {
      turn.emit('changed', { by: beans })
      return turn.state.beans
    },
    pour(turn, { beans, into }: { beans: number; into: string }) {
      turn.emit('changed', { by: -beans })
      turn.send(addressOf('jar', into), 'fill', { beans })
      return turn.state.beans
    },
  },
  queries: { beans: (view) => view.self.beans },
})

// Some of them on either shard.
const jars = ['red', 'rose', 'plum', 'oak', 'elm']
const images = 6

interface Request {
  readonly key: string
  readonly jar: string
  readonly command: 'fill' | 'pour'
  readonly input: { readonly beans: number; readonly into?: string }
  /** What was answered; undefined while it is unknown. */
  answer?: unknown
}

/** What is asked for in a life: beans come in and are poured around. */
function requests(): Request[] {
  return Array.from({ length: 14 }, (_, i): Request => {
    const [jar, into] = [jars[i % 5]!, jars[(i * 2 + 1) % 5]!]
    const key = `r${i}`
    if (i < 5 || jar === into) return { key, jar, command: 'fill', input: { beans: 100 + i } }
    return { key, jar, command: 'pour', input: { beans: i, into } }
  })
}

function open(env: JournalEnv): Promise<Runtime> {
  return openRuntime(env, {
    dataDir: '/data',
    actors: { definitions: [jar] },
    ...{ threads: 0, shards: 2, segmentBytes: 1_024, snapshotJournalBytes: 4_096 },
    // What fails is told to whoever waits for an answer.
    onFailure: () => undefined,
  })
}

async function ask(runtime: Runtime, request: Request) {
  const { jar, command, input, key } = request
  return runtime.command(addressOf('jar', jar), command, input, { idempotencyKey: key })
}

/** One life: serves, snapshots often and lets the journal behind go, ends cleanly. */
async function live(env: JournalEnv, asked: readonly Request[]): Promise<void> {
  const runtime = await open(env)
  try {
    for (const [i, request] of asked.entries()) {
      request.answer = (await ask(runtime, request)).value
      if (i % 4 === 3 || i > 11) await runtime.snapshot()
    }
  } finally {
    await runtime.close()
  }
}

/** Images and answers that were checked: what follows from them is the same again. */
let checked: Set<string>
beforeEach(() => {
  checked = new Set()
})

/** Starts on what is left and checks it against what was answered. */
async function check(disk: MemoryDisk, asked: readonly Request[]): Promise<void> {
  const image = disk.fingerprint() + JSON.stringify(asked)
  if (checked.has(image)) return
  checked.add(image)
  const runtime = await open(new JournalEnv(disk, 9))
  for (const request of asked) {
    const { value, replayed } = await ask(runtime, request)
    if (request.answer !== undefined)
      expect([request.key, replayed, value]).toEqual([request.key, true, request.answer])
  }
  const due = new Map(jars.map((name) => [name, 0]))
  for (const { jar: name, command, input } of asked) {
    const sign = command === 'fill' ? 1 : -1
    due.set(name, due.get(name)! + sign * input.beans)
    if (input.into !== undefined) due.set(input.into, due.get(input.into)! + input.beans)
  }
  for (const [name, beans] of due) {
    const read = () => runtime.query(addressOf('jar', name), 'beans', undefined)
    await expect.poll(read, { interval: 0 }).toBe(beans)
  }
  await runtime.close()
}

function survivals(seed: number): Survival[] {
  const chance = seeded(seed + 1)
  const parts = Array.from(
    { length: images - 2 },
    (_, i) => () => chance() < (i + 1) / (images - 1),
  )
  return [nothingSurvives, allSurvives, ...parts]
}

describe('a runtime that loses power', { timeout: 240_000 }, () => {
  it('at any I/O call of its life: keeps every answer, does nothing twice', async () => {
    for (let step = 0; ; step++) {
      const disk = new MemoryDisk()
      disk.crashAt = step
      const asked = requests()
      const ended = await live(new JournalEnv(disk), asked).then(
        () => true,
        () => false,
      )
      for (const survives of survivals(step)) {
        await check(
          disk.afterCrash(survives),
          asked.map((one) => ({ ...one })),
        )
      }
      if (!ended) continue
      expect(step).toBeGreaterThan(100)
      const left = disk.paths()
      const whole = left.filter((path) => /\/\d+-\d+\.snap$/.test(path))
      expect(whole.length).toBe(4)
      // The journal behind the snapshots is gone.
      expect(left.some((path) => path.endsWith('00000-00000000.seg'))).toBe(false)
      return
    }
  })

  it('at any I/O call of a recovery, twice in a row: the next one keeps every answer', async () => {
    for (const lifeStep of [70, 110, 140]) {
      const disk = new MemoryDisk()
      disk.crashAt = lifeStep
      const asked = requests()
      await expect(live(new JournalEnv(disk), asked)).rejects.toThrow()
      for (let step = 0, crashes = 1; crashes > 0; step++) {
        crashes = 0
        for (const survives of survivals(step)) {
          let found = disk.afterCrash(survives)
          for (const pid of [2, 3]) {
            found.crashAt = step
            const runtime = await open(new JournalEnv(found, pid)).catch(() => undefined)
            if (runtime === undefined) crashes++
            else await runtime.close().catch(() => undefined)
            found = found.afterCrash(survives)
          }
          await check(
            found,
            asked.map((one) => ({ ...one })),
          )
        }
      }
    }
  })
})
