/** What a host of shards needs of its surroundings: a thread of an embedded runtime, or a node. */
import type { Kinds } from '../actor/kinds.js'
import type { ShardBounds } from '../shard/shard-services.js'
import type { PeerBatch } from './batches.js'

/** Where the host's outputs go. */
export interface HostLinks {
  /** A batch of answers, for `readAnswers`, to whom asked. */
  answers(origin: number, bytes: Uint8Array): void
  /** Where a shard is that is not here; undefined when nobody knows. */
  placeOf(shard: number): number | undefined
  /** To another place: a thread, or a node. What is lost is sent again. */
  peers(place: number, batch: PeerBatch): void
  report(event: string, detail: Record<string, unknown>): void
  /**
   * A lane failed, and its shards are not served here any more. @default everything ends: what one
   * disk did to one lane it may do to all
   */
  laneFailed?(shards: readonly number[], error: unknown): void
  /** Everything must end: the journal failed or a rule was broken. */
  fail(error: unknown): void
}

export interface HostOptions {
  readonly thread: number
  readonly kinds: Kinds
  readonly settings: Readonly<Record<string, unknown>>
  readonly bounds: ShardBounds
  /** Whether turns may call into other shards of their lane. */
  readonly nearCalls: boolean
}
