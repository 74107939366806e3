/**
 * What the threads that recover the shards of one lane together know of each other, in memory they share:
 * which shards are taken, and how far messages between them got.
 *
 * W1. A shard is recovered by one thread: whoever is free takes the next.
 * W2. A cursor is noted only from frames that were read, which are durable: it may come late, never early.
 */
import type { RecoveryScope } from './recover-shards.js'

const claimBytes = 8

export class RecoveryBoard {
  private readonly scope: RecoveryScope
  private readonly claimed: Int32Array
  /** Cursors by target, then by source. */
  private readonly cursors: BigInt64Array

  /** @param memory of {@link makeMemory} */
  constructor(scope: RecoveryScope, memory: SharedArrayBuffer) {
    this.scope = scope
    this.claimed = new Int32Array(memory, 0, 1)
    this.cursors = new BigInt64Array(memory, claimBytes)
  }

  static makeMemory(shards: number): SharedArrayBuffer {
    return new SharedArrayBuffer(claimBytes + shards * shards * BigInt64Array.BYTES_PER_ELEMENT)
  }

  /** Takes shards of the lane, one after the other, until none is left (W1). */
  *claims(): Generator<number> {
    const { thread, threads, shards } = this.scope
    for (;;) {
      const shard = thread + threads * Atomics.add(this.claimed, 0, 1)
      if (shard >= shards) return
      yield shard
    }
  }

  /** Notes how far a shard got (W2). @param cursors by source */
  note(target: number, cursors: Float64Array): void {
    const { thread, threads, shards } = this.scope
    for (let source = thread; source < shards; source += threads) {
      const cursor = BigInt(cursors[source]!)
      if (cursor > 0n) Atomics.store(this.cursors, target * shards + source, cursor)
    }
  }

  /** Number of the last message of a source that a target has applied, as far as that is known. */
  cursorOf(target: number, source: number): number {
    return Number(Atomics.load(this.cursors, target * this.scope.shards + source))
  }
}
