/**
 * Where a node finds a shard's past and puts its future: journal and snapshots of one shard, kept
 * outside of the node. The twin of the data folder of an embedded runtime.
 *
 * SN1. `read` owns nothing and may be repeated: it goes on where the state ends.
 * SN2. After `open` no earlier owner appends anything any more, and the state holds everything ever
 *     acknowledged.
 * SN7. Nothing waits for NATS that nobody wants any more: a node that has ended has nothing under way.
 */
import type { NextPiece } from '../../transport/index.js'
import type { JournalLane } from '../journal/journal.js'
import type { SnapshotStore } from '../snapshot/snapshot-store.js'
import type { ShardState } from '../shard/shard-state.js'

/** A journal this node owns. */
export interface OwnedJournal {
  readonly lane: JournalLane
  readonly epoch: number
  /** Gives the journal up at once: what is in flight fails, whatever becomes of it. */
  readonly abandon: () => void
}

export interface ShardStorage {
  readonly snapshots: SnapshotStore
  /**
   * Applies what the journal holds after the state's ordinal, up to its present end.
   * @param wanted false once nobody wants it read: then it gives up
   * @throws OpenRefused, NatsUnreachable when it gave up
   */
  read(state: ShardState, wanted: () => boolean, nextPiece: NextPiece): Promise<void>
  /**
   * Becomes the owner, then applies the rest of the journal.
   * @param wanted false once the shard is to be served elsewhere: then it gives up
   * @throws OpenRefused, Fault fenced, NatsUnreachable when it gave up
   */
  open(state: ShardState, wanted: () => boolean, nextPiece: NextPiece): Promise<OwnedJournal>
}

/** Storages of all shards of a cluster. */
export interface ShardStorages {
  /**
   * @param mayAnswer false while this node is not certain to be the owner
   * @throws NatsUnreachable, OpenRefused
   */
  of(shard: number, mayAnswer: () => boolean): Promise<ShardStorage>
  /** Nothing is opened any more, and what waits gives up. */
  close(): void
}
