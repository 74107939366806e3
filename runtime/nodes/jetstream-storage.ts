/**
 * The storages of a cluster's shards on JetStream: a stream for the journal and one for the snapshots
 * of each shard.
 */
import type { Nats } from '../../transport/index.js'
import type { Env } from '../env/env.js'
import { openShardJournal, Patience, readShardJournal } from '../journal/jetstream/index.js'
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
  return {
    async of(shard, mayAnswer): Promise<ShardStorage> {
      const journal = await nats.stream(`SHARD_${cluster}_${shard}`, { replicas })
      return {
        snapshots,
        async read(state: ShardState): Promise<void> {
          await readShardJournal(env, journal, { shard, after: state.ordinal }, (frame) => {
            replayFrame(state, frame)
          })
        },
        async open(state: ShardState, wanted: () => boolean): Promise<OwnedJournal> {
          const patience = new Patience(env, wanted)
          const scope = { shard, after: state.ordinal, owner, mayAnswer, patience }
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
