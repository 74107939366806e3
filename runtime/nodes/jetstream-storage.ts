/**
 * The storages of a cluster's shards on JetStream: a stream for the journal and one for the snapshots
 * of each shard.
 */
import type { Nats, StreamLog } from '../../transport/index.js'
import type { Env } from '../env/env.js'
import {
  openShardJournal,
  Patience,
  readShardJournal,
  type WaitListener,
  type JournalPosition,
  type OpenedStream,
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
  /** Bytes of a snapshot in one message. @default 512 KiB */
  readonly snapshotChunkBytes?: number | undefined
  /** Told of each stream once, when it was opened. */
  readonly opened?: ((stream: OpenedStream) => void) | undefined
  /** Told what an operator should know. */
  readonly report: (event: string, detail: Record<string, unknown>) => void
}

export function jetStreamStorages(
  env: Env,
  nats: Nats,
  { cluster, replicas, owner, opened, report, snapshotChunkBytes }: JetStreamStorageOptions,
): ShardStorages {
  const open = async (name: string): Promise<StreamLog> => {
    const log = await nats.stream(name, { replicas })
    opened?.({ name, replicas: log.replicas })
    return log
  }
  const listenerOf = (stream: string): WaitListener => ({
    waits: (ms, why) => report('storage_waits', { stream, ms, why }),
    goesOn: (ms) => report('storage_goes_on', { stream, ms }),
  })
  const snapshots = new StreamSnapshots(
    env,
    (shard) => open(`SNAP_${cluster}_${shard}`),
    snapshotChunkBytes,
    listenerOf,
  )
  const journals = new Map<number, StreamLog>()
  /** Where reading ahead has ended: a hand-over goes on from there without looking for it. */
  const reached = new WeakMap<ShardState, JournalPosition>()
  return {
    async of(shard, mayAnswer): Promise<ShardStorage> {
      const journal = journals.get(shard) ?? (await open(`SHARD_${cluster}_${shard}`))
      journals.set(shard, journal)
      return {
        snapshots,
        async read(state, nextPiece): Promise<void> {
          const after = reached.get(state) ?? state.ordinal
          const end = await readShardJournal(env, journal, { shard, after, nextPiece }, (frame) => {
            replayFrame(state, frame)
          })
          reached.set(state, end)
        },
        async open(state, wanted, nextPiece): Promise<OwnedJournal> {
          const after = reached.get(state) ?? state.ordinal
          const listener = listenerOf(journal.name)
          const patience = new Patience(env, wanted, listener)
          const onProblem = (sentence: string): void =>
            report('journal_not_cut', { shard, sentence })
          const scope = { shard, after, owner, mayAnswer, patience, nextPiece, listener, onProblem }
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
    close: () => snapshots.stop(),
  }
}
