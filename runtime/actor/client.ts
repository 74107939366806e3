/**
 * The typed client: what a runtime offers to code outside of actors.
 */
import type { ActorDefinition, Answer } from './define-actor.js'
import type { Address } from './address.js'

/** Options of one command. */
export interface CommandOptions {
  /**
   * Makes the command exactly-once: the same key with the same input gives the first answer again.
   * It belongs to the actor and the command. 1 to 255 printable ASCII characters.
   */
  readonly idempotencyKey?: string
  /** ms until the promise rejects with `outcome_unknown`. @default the runtime's requestTimeoutMs */
  readonly timeoutMs?: number
}

/** An answer with what is known about it. */
export interface Answered<T> {
  readonly value: T
  /** True when it is the remembered answer of an earlier request with the same key. */
  readonly replayed: boolean
}

// `any`: handler shapes are taken apart by inference.
/* eslint-disable @typescript-eslint/no-explicit-any */
type InputOf<F> = F extends (context: any, input: infer I) => unknown ? I : never
type OutputOf<F> = F extends (...parameters: any[]) => infer O ? Answer<O> : never
type Handler = (...parameters: any[]) => unknown
/** No input where the handler takes none; one that may be left out where the handler may be called without. */
type Arguments<F, Options> = F extends Handler
  ? Parameters<F> extends [] | [any]
    ? [input?: undefined, options?: Options]
    : F extends (context: any) => unknown
      ? [input?: InputOf<F>, options?: Options]
      : [input: InputOf<F>, options?: Options]
  : never

/** Commands and queries of one actor, as promises of durable answers. */
export type ActorClient<D> =
  D extends ActorDefinition<any, any, infer C, infer Q>
    ? {
        readonly [N in keyof C]: (
          ...parameters: Arguments<C[N], CommandOptions>
        ) => Promise<OutputOf<C[N]>>
      } & {
        readonly [N in keyof Q]: (
          ...parameters: Arguments<Q[N], { timeoutMs?: number }>
        ) => Promise<OutputOf<Q[N]>>
      }
    : never
/* eslint-enable @typescript-eslint/no-explicit-any */

/** An actor set aside because it failed again and again, or because a message it must take fails. */
export interface QuarantinedActor {
  readonly address: Address
  readonly shard: number
  readonly since: number
  readonly reason: string
  /** Messages that wait for its release; no money in them is lost. */
  readonly parkedMessages: number
}

/** State of one shard, for operators and audits. */
export interface ShardStatus {
  readonly shard: number
  readonly thread: number
  readonly state: string
  readonly ordinal: number
  /** Actors in memory; after a start they are all packed, until they are asked for. */
  readonly actors: number
  readonly storedActors: number
  readonly idempotencyKeys: number
  readonly outboxMessages: number
  readonly mailbox: number
  /** The shard's tally, when the actors define one. */
  readonly tally?: unknown
  /** What `TallyDefinition.received` found to disagree, newest last, at most 100. */
  readonly disagreements: readonly string[]
}

/** A pair of shards of which one owes the other an acknowledgement for too long. */
export interface SilentPair {
  readonly from: number
  readonly to: number
}

/** The part of a runtime that clients of a domain are built on. */
export interface RuntimeClient {
  readonly shards: number
  /** Typed client of one actor. */
  actor<D extends ActorDefinition>(definition: D, key: string): ActorClient<D>
  /** Sends a command; resolves when its effect is durable. @throws Refused, Fault */
  command(
    address: Address,
    command: string,
    input: unknown,
    options?: CommandOptions,
  ): Promise<Answered<unknown>>
  /** Runs a query; the answer shows durable state only. @throws Refused, Fault */
  query(
    address: Address,
    query: string,
    input: unknown,
    options?: { timeoutMs?: number },
  ): Promise<unknown>
  /**
   * Status of every shard, at one moment each; waits until what it shows is durable.
   * @param options `waitMs`: shards for which that takes longer are left out, or refused. @default no bound
   */
  shardStatus(options?: { readonly waitMs?: number }): Promise<ShardStatus[]>
  /**
   * Makes every pair of shards that ever exchanged messages exchange one more: after it, both sides
   * of each pair have been compared at equal message numbers.
   * @returns the pairs that did not answer in time, empty when all is well
   */
  comparePairs(options?: { timeoutMs?: number }): Promise<SilentPair[]>
  quarantined(): Promise<QuarantinedActor[]>
  /** Lets a quarantined actor work again; its parked messages are handled first. */
  release(address: Address): Promise<void>
}
