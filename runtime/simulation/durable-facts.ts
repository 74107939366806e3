/**
 * What is durable in any epoch, as far as it lets something leave: keys, messages, acknowledgements,
 * ordinals. An owner that was succeeded has durable frames that never count; whether they count is
 * judged when the folder is opened next.
 */
import { lastOrdinalOf } from '../journal/frame.js'
import type { WrittenFrame } from './history.js'

/** A message, or all up to it, of a pair of shards. */
export interface PairNumber {
  readonly source: number
  readonly target: number
  readonly number: number
}

/** By pair of shards: the newest number. */
export class NewestNumbers {
  private readonly newest = new Map<string, PairNumber>()

  add({ source, target, number }: PairNumber): void {
    if (!this.covers({ source, target, number })) {
      this.newest.set(`${source}>${target}`, { source, target, number })
    }
  }

  covers({ source, target, number }: PairNumber): boolean {
    return (this.newest.get(`${source}>${target}`)?.number ?? 0) >= number
  }

  all(): IterableIterator<PairNumber> {
    return this.newest.values()
  }

  clear(): void {
    this.newest.clear()
  }
}

export class DurableFacts {
  /** Hashes of keys. */
  readonly keys = new Set<string>()
  readonly sent = new NewestNumbers()
  readonly applied = new NewestNumbers()
  private readonly ordinals = new Map<number, number>()

  /** A frame became durable. */
  learn(frame: WrittenFrame): void {
    const { shard, turns } = frame
    this.ordinals.set(shard, Math.max(this.ordinals.get(shard) ?? 0, lastOrdinalOf(frame)))
    for (const { key, messages, cause } of turns) {
      if (key !== undefined) this.keys.add(key.hashes.join())
      for (const { target, number } of messages) this.sent.add({ source: shard, target, number })
      if (cause.type !== 'message') continue
      this.applied.add({ source: cause.source, target: shard, number: cause.number })
    }
  }

  /** True when a frame of the shard up to this ordinal is durable. */
  reaches(shard: number, ordinal: number): boolean {
    return (this.ordinals.get(shard) ?? 0) >= ordinal
  }
}
