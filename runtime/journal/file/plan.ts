/**
 * What opening a data folder found, as plain data that goes to every shard thread.
 */
import type { ShardHead, ShardHeadRow } from './chains.js'
import type { Claim } from './fence.js'
import type { AdoptedSegment } from './records.js'

/** A segment to read, with the newest frame of each shard in it. */
export interface SegmentPlan extends AdoptedSegment {
  readonly heads: readonly ShardHeadRow[]
}

export interface FolderPlan extends Claim {
  readonly shards: number
  /** 16 bytes that tell this folder from any other. */
  readonly identity: Uint8Array
  readonly segmentBytes: number
  /** Segments to read, in order: each shard's frames stand in the order of its ordinals. */
  readonly segments: readonly SegmentPlan[]
  /** By shard: its newest frame. */
  readonly heads: Readonly<Record<number, ShardHead>>
  /** By shard: last ordinal of the journal; none for shards that never had a frame. */
  readonly lastOrdinals: Readonly<Record<number, number>>
  /**
   * By shard: ordinal of the first frame that is certainly there. What is before it was let go behind
   * snapshots; a shard without a snapshot up to there can't be rebuilt.
   */
  readonly firstOrdinals: Readonly<Record<number, number>>
  /**
   * By shard, a 64-bit integer: ordinal up to which snapshots stand for the journal. Shared by all
   * threads, because a segment of an earlier epoch can hold shards of several of them.
   */
  readonly covered: SharedArrayBuffer
}
