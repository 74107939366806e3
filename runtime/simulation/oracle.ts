/**
 * Judges of a simulation: an oracle watches a run from outside and says in a sentence what broke.
 * The kit's own oracles and those of a domain are made by this interface alike.
 */
import type { Address } from '../actor/address.js'
import type { ShardStatus, SilentPair } from '../actor/client.js'
import type { Operation } from './workload.js'

/** An event as journaled. */
export interface CommittedEvent {
  readonly address: Address
  readonly kind: string
  readonly event: string
  /** Version of the kind that wrote it. */
  readonly kindVersion: number
  readonly data: unknown
}

/** A message to another shard, as journaled by its sender. */
export interface CommittedMessage {
  readonly target: number
  readonly number: number
  readonly address: Address
  readonly command: string
  readonly input: unknown
  /** The command that takes the answer; undefined for what is not answered, near calls too. */
  readonly then: string | undefined
  readonly stamp: unknown
}

/** One turn of the journal. */
export interface CommittedTurnView {
  readonly shard: number
  readonly ordinal: number
  readonly cause:
    | { readonly type: 'request' }
    | { readonly type: 'message'; readonly source: number; readonly number: number }
    | { readonly type: 'timer'; readonly id: number }
    | { readonly type: 'waiting'; readonly address: Address }
  readonly events: readonly CommittedEvent[]
  readonly messages: readonly CommittedMessage[]
  /**
   * Requests whose idempotency keys this turn remembers: the first attempt of each. `refusal` is the
   * code a refusing turn remembers. A key that remembers a note may bind nothing later (see
   * `ShardView.unbound`): then another turn can remember it again.
   */
  readonly keys: readonly {
    readonly operation: Operation
    readonly refusal: string | undefined
    readonly mayBeUnbound: boolean
  }[]
}

/** A frame that counts: its turns are part of the shard's history for good. */
export interface CommittedFrame {
  readonly shard: number
  readonly epoch: number
  readonly firstOrdinal: number
  readonly count: number
  /** Shard time, ms since 1970. */
  readonly time: number
  /** Virtual ms when it was first written, and when it was first certain to survive. */
  readonly writtenAt: number
  readonly durableAt: number
  /**
   * Frames with the same group number were written as one; all shards of a thread are in one group.
   * Grows in the order of writing, so it is an order in which the whole history can be replayed.
   */
  readonly group: number
  readonly turns: readonly CommittedTurnView[]
}

/** A data folder was opened again. */
export interface RecoveryView {
  readonly epoch: number
  /** Virtual ms. */
  readonly at: number
  /** True when the owner before closed cleanly. */
  readonly clean: boolean
  /** By shard: last ordinal found. */
  readonly ordinals: Readonly<Record<number, number>>
  readonly tornTails: number
}

/** The end of a run: everything is healed, answered and closed, then read back from disk. */
export interface EndView {
  /** Every attempt, in order of invocation. */
  readonly operations: readonly Operation[]
  readonly status: readonly ShardStatus[]
  /** Pairs of shards that could not be compared at equal message numbers. */
  readonly silentPairs: readonly SilentPair[]
  /** Runs a query on what was read back. @throws Refused, Fault */
  readonly query: (address: Address, query: string, input?: unknown) => unknown
  /** Addresses of all actors. */
  readonly addresses: () => Iterable<Address>
}

/** What an oracle is made with. */
export interface OracleScope {
  readonly seed: number
  readonly shards: number
  /** Codes of refusals that bind no key, as the workload says. */
  readonly passingRefusals?: ReadonlySet<string>
  /** Reports a violation, in a sentence with the facts. The run goes on and fails at its end. */
  readonly violation: (sentence: string) => void
  /** Counts a rare branch: one that stays at zero over a campaign fails it (see `sometimes`). */
  readonly sometimes: (name: string) => void
}

/** One watcher of one run. Every hook is optional; hooks must not change what they are given. */
export interface Oracle {
  readonly name: string
  invoked?(operation: Operation): void
  completed?(operation: Operation): void
  /**
   * Told of every frame that counts, once: per shard in the order of ordinals, over all shards in the
   * order of groups. A frame counts when a later owner adopted it, or the run ended with it; so it is
   * told with delay, and never taken back.
   */
  committed?(frame: CommittedFrame): void
  recovered?(recovery: RecoveryView): void
  /** Told once, last, of runs that came to their end (not of those that ended in a legal refusal). */
  finished?(end: EndView): void
}

/** Makes an oracle for one run. */
export interface OracleFactory {
  readonly name: string
  /** Names of its `sometimes` counters that a campaign of enough seeds must reach. */
  readonly sometimes?: readonly string[]
  create(scope: OracleScope): Oracle
}
