/**
 * What clients ask of a shard, and what it answers: plain data both ways.
 */
import type { Address } from '../actor/address.js'
import { limits } from '../limits.js'

/** Of clients of older nodes, which do not say how long they wait. */
const secondsDefault = limits.requestTimeoutMsDefault / 1_000

/** One request of a client. */
export class ShardRequest {
  /** Number the client knows it by. */
  readonly id: number
  readonly type: 'command' | 'query'
  readonly address: Address
  readonly name: string
  readonly input: unknown
  /** Hashes of key and meaning, as signed words; undefined without an idempotency key. */
  readonly hashes: readonly number[] | undefined
  /** Seconds its client waits for the answer, rounded up. */
  readonly seconds: number
  /** Time its key carries itself, ms since 1970; 0 when keys carry none. */
  readonly keyTime: number
  /** The sweep of its shard that lets it go if it is parked then; 0 until it is parked. */
  lastSweep = 0

  constructor(
    id: number,
    type: 'command' | 'query',
    address: Address,
    name: string,
    input: unknown,
    hashes: readonly number[] | undefined,
    seconds = secondsDefault,
    keyTime = 0,
  ) {
    this.id = id
    this.type = type
    this.address = address
    this.name = name
    this.input = input
    this.hashes = hashes
    this.seconds = seconds
    this.keyTime = keyTime
  }

  open(): this {
    return this
  }
}

/** A request in a mailbox: perhaps still bytes, read when its turn comes. */
export interface QueuedRequest {
  open(): ShardRequest
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

/** Where a shard's answers go. */
export interface AnswerSink {
  /**
   * Answers a request. Refusals and faults carry `[code, detail]`.
   * @param gated false when the answer depends on nothing that is not durable yet
   */
  answer(id: number, kind: AnswerKind, value: unknown, gated: boolean): void
}
