/**
 * What opening a data folder found, as plain data that goes to every shard thread.
 */
import type { SegmentPlan, ShardHead } from './scan.js'

export interface FolderPlan {
  readonly dataDir: string
  readonly epoch: number
  readonly shards: number
  readonly segmentBytes: number
  /** Segments to read, in order: each shard's frames stand in the order of its ordinals. */
  readonly segments: readonly SegmentPlan[]
  /** By shard: its newest frame. */
  readonly heads: Readonly<Record<number, ShardHead>>
  /** By shard: last ordinal of the journal. */
  readonly lastOrdinals: Readonly<Record<number, number>>
}
