/** The JetStream journal as the contract suite wants it: lanes of several shards, opened at once. */
import { NatsRefused, type Nats, type StreamLog } from '../../../../transport/index.js'
import type { Env } from '../../../env/env.js'
import type { JournalUnderTest } from '../../journal.contract.js'
import type { Frame, FrameDraft, JournalLane } from '../../journal.js'
import { openShardJournal, readShardJournal, type JetStreamLane } from '../index.js'
import { Patience } from '../patience.js'

/** @param connect gives a connection once there is one */
export function jetStreamUnderTest(
  env: Env,
  connect: () => Promise<Nats>,
  cluster: string,
  replicas: number,
): JournalUnderTest {
  let newest = 0
  let failing = false
  /** By shard: what snapshots stand for. */
  const covered = new Map<number, number>()
  const logs = new Map<number, Promise<StreamLog>>()
  const logOf = (shard: number): Promise<StreamLog> => {
    const log =
      logs.get(shard) ??
      connect().then((nats) => {
        const open = (): Promise<StreamLog> =>
          nats.stream(`SHARD_${cluster}_${shard}`, { replicas })
        // As a node does: servers that have just begun may be slow to agree.
        return new Patience(env).until(open)
      })
    logs.set(shard, log)
    return log
  }
  const failable = (log: StreamLog): StreamLog => ({
    name: log.name,
    replicas: log.replicas,
    at: (sequence) => log.at(sequence),
    bounds: () => log.bounds(),
    read: (...words) => log.read(...words),
    purge: (upTo) => log.purge(upTo),
    append: (bytes, after) => {
      if (!failing) return log.append(bytes, after)
      failing = false
      return Promise.reject(new NatsRefused('nats_permission', 'This user may not.'))
    },
  })
  const openShard = async (shard: number, owner: number): Promise<JetStreamLane> => {
    const mayAnswer = (): boolean => owner === newest
    const scope = { shard, after: covered.get(shard) ?? 0, owner: `owner ${owner}`, mayAnswer }
    const log = failable(await logOf(shard))
    return openShardJournal(env, log, scope, () => undefined)
  }
  return {
    open: async (lanes) => {
      const owner = ++newest
      return Promise.all(
        lanes.map(async (shards) => {
          const parts = await Promise.all(shards.map((shard) => openShard(shard, owner)))
          return new JoinedLane(new Map(shards.map((shard, i) => [shard, parts[i]!])), covered)
        }),
      )
    },
    read: async (shard, after) => {
      const frames: Frame[] = []
      await readShardJournal(env, await logOf(shard), { shard, after }, (frame) => {
        frames.push({ ...frame, body: Uint8Array.from(frame.body) })
      })
      return frames
    },
    failNextAppend: () => {
      failing = true
    },
  }
}

/** Several lanes of one shard each as one, because the suite speaks of groups. */
class JoinedLane implements JournalLane {
  private readonly parts: ReadonlyMap<number, JetStreamLane>

  private readonly covered: Map<number, number>

  constructor(parts: ReadonlyMap<number, JetStreamLane>, covered: Map<number, number>) {
    this.parts = parts
    this.covered = covered
  }

  get bytesAppended(): number {
    return [...this.parts.values()].reduce((sum, part) => sum + part.bytesAppended, 0)
  }

  async append(frames: readonly FrameDraft[]): Promise<void> {
    await Promise.all(
      frames.map((frame) => {
        const part = this.parts.get(frame.shard)
        if (part === undefined) throw new Error('a lane has the frames of its shards only')
        return part.append([frame])
      }),
    )
  }

  async seal(): Promise<void> {
    await Promise.all([...this.parts.values()].map((part) => part.seal()))
  }

  isOwner(): boolean {
    return [...this.parts.values()].every((part) => part.isOwner())
  }

  async truncate(ordinals: ReadonlyMap<number, number>): Promise<void> {
    for (const [shard, ordinal] of ordinals) this.covered.set(shard, ordinal)
    await Promise.all([...this.parts.values()].map((part) => part.truncate(ordinals)))
  }
}
