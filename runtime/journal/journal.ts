/**
 * The port to the journal: the append-only truth of shards. A *lane* commits the frames of several
 * shards together: all shards of a thread on file, a single shard on JetStream.
 *
 * J1. At most one append is in flight per lane; the caller fills the next group meanwhile.
 * J2. A resolved append is durable and was not fenced: outputs that depend on it may leave.
 * J3. A rejected append is final. Nothing of it was ever visible; the lane takes no more.
 * J4. Journal content is never skipped: what can't be read is a torn tail (dropped, reported) or
 *     damage (refused, with file and offset).
 */

/** One batch of turns of one shard, ready to be written. */
export interface FrameDraft {
  readonly shard: number
  /** Dense position of the first turn of the frame in its shard's journal; the first ever is 1. */
  readonly firstOrdinal: number
  /** Number of turns in it, at least 1. */
  readonly count: number
  /** Shard time of the frame, ms since 1970. */
  readonly time: number
  /** The turns, encoded. Owned by the lane until the append settles. */
  readonly body: Uint8Array
}

/** A frame as read back. */
export interface Frame extends FrameDraft {
  readonly epoch: number
}

/** Where new frames go. */
export interface JournalLane {
  /** Writes one group of frames, at most one per shard, and makes it durable. @throws Fault */
  append(frames: readonly FrameDraft[]): Promise<void>
  /** Clean end: nothing can be missing after it. The lane takes no more. */
  seal(): Promise<void>
  /**
   * Says whether this is still the owner: asked before anything leaves that no append went before,
   * such as the answer of a query.
   * @returns false when that is not known now: ask again @throws Fault fenced, when it is not
   */
  isOwner(): boolean
  /** Bytes appended since the lane was opened; snapshots are due by it. */
  readonly bytesAppended: number
  /**
   * Tells how far each shard's snapshots reach, so that segments wholly behind them can go.
   * @param ordinals by shard: replay never needs anything up to and including this ordinal
   */
  truncate(ordinals: ReadonlyMap<number, number>): Promise<void>
}

/** What recovery found. */
export interface RecoveryReport {
  /** True when the previous owner closed cleanly. */
  readonly clean: boolean
  /** Torn last groups that were dropped; nothing in them was ever acknowledged. */
  readonly tornTails: readonly {
    readonly file: string
    readonly offset: number
    /** Highest durable ordinal kept, by shard, of the shards the lane served. */
    readonly kept: Readonly<Record<number, number>>
  }[]
}
