/**
 * What clients ask of a shard, and what it answers: plain data both ways.
 */
import type { Address } from '../actor/address.js'

/** One request of a client. */
export interface ShardRequest {
  /** Number the client knows it by. */
  readonly id: number
  readonly type: 'command' | 'query'
  readonly address: Address
  readonly name: string
  readonly input: unknown
  /** Hashes of key and meaning; undefined without an idempotency key. */
  readonly hashes: readonly number[] | undefined
}

/** How a request ended. */
export const answerKinds = {
  value: 0,
  /** The remembered answer of an earlier request with the same key. */
  replayed: 1,
  refused: 2,
  refusedReplayed: 3,
  fault: 4,
} as const
export type AnswerKind = (typeof answerKinds)[keyof typeof answerKinds]

/** One answer. Refusals and faults carry `[code, detail]`. */
export interface ShardAnswer {
  readonly id: number
  readonly kind: AnswerKind
  readonly value: unknown
}

/** Where a shard's answers go. */
export interface AnswerSink {
  /** @param gated false when the answer depends on nothing that is not durable yet */
  answer(answer: ShardAnswer, gated: boolean): void
}
