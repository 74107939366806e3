/**
 * The storages of a cluster's shards on JetStream: a stream for the journal and one for the snapshots
 * of each shard.
 */
import type { Nats, StreamLog } from '../../transport/index.js'
import type { Env } from '../env/env.js'
import {
  openShardJournal,
  readShardJournal,
  type JournalPosition,
} from '../journal/jetstream/index.js'
import { replayFrame } from '../shard/replay.js'
import type { ShardState } from '../shard/shard-state.js'
import { StreamSnapshots } from '../snapshot/stream-snapshots.js'
import type { OwnedJournal, ShardStorage, ShardStorages } from './shard-storage.js'

export interface JetStreamStorageOptions {
  readonly cluster: string
  /** Copies of every stream. */
  readonly replicas: number
  /** Who opens journals, for people who read the streams. */
  readonly owner: string
}

export function jetStreamStorages(
  env: Env,
  nats: Nats,
  { cluster, replicas, owner }: JetStreamStorageOptions,
): ShardStorages {
  const snapshots = new StreamSnapshots(env, (shard) =>
    nats.stream(`SNAP_${cluster}_${shard}`, { replicas }),
  )
  const journals = new Map<number, StreamLog>()
  /** Where reading ahead has ended: a hand-over goes on from there without looking for it. */
  const reached = new WeakMap<ShardState, JournalPosition>()
  return {
    async of(shard, mayAnswer): Promise<ShardStorage> {
      const name = `SHARD_${cluster}_${shard}`
      const journal = journals.get(shard) ?? (await nats.stream(name, { replicas }))
      journals.set(shard, journal)
      return {
        snapshots,
        async read(state: ShardState): Promise<void> {
          const after = reached.get(state) ?? state.ordinal
          const end = await readShardJournal(env, journal, { shard, after }, (frame) => {
            replayFrame(state, frame)
          })
          reached.set(state, end)
        },
        async open(state: ShardState): Promise<OwnedJournal> {
          const after = reached.get(state) ?? state.ordinal
          const scope = { shard, after, owner, mayAnswer }
          const lane = await openShardJournal(env, journal, scope, (frame) => {
            replayFrame(state, frame)
          })
          return {
            lane,
            epoch: lane.epoch,
            abandon: () => {
              lane.abandon()
            },
          }
        },
      }
    },
  }
}
