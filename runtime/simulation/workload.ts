/**
 * What clients do in a simulation: a workload draws their operations from a seeded stream, the kit
 * sends them, retries them, and notes how each ended.
 */
import type { Address } from '../actor/address.js'
import type { ActorModule } from '../actor/define-actor.js'
import type { OutcomeKnown } from '../errors.js'
import type { Random } from './random.js'

/** One thing a client asks for. */
export interface OperationRequest {
  readonly type: 'command' | 'query'
  readonly address: Address
  readonly name: string
  readonly input?: unknown
  /** Idempotency key. A keyed command is repeated until its outcome is known. */
  readonly key?: string
}

/** How one attempt of an operation ended. */
export type OperationResult =
  | { readonly type: 'answered'; readonly value: unknown; readonly replayed: boolean }
  | {
      readonly type: 'refused'
      readonly code: string
      readonly detail: string
      readonly replayed: boolean
    }
  /** Trouble of the infrastructure; `unknown` when the attempt may have taken effect. */
  | { readonly type: 'fault'; readonly code: string; readonly outcome: OutcomeKnown }

/** One attempt of a client, as the history of a run holds it. */
export interface Operation {
  /** Dense over the run, in the order of invocation. */
  readonly id: number
  readonly client: number
  readonly request: OperationRequest
  /** 1 for the first attempt; retries are operations of their own with the same request. */
  readonly attempt: number
  /** Virtual ms. */
  readonly invokedAt: number
  /** Virtual ms; undefined while it runs. */
  readonly completedAt: number | undefined
  /** Undefined while it runs. An attempt whose process died ends as a fault of outcome `unknown`. */
  readonly result: OperationResult | undefined
}

/** What a workload is told about the run it makes operations for. */
export interface WorkloadScope {
  /** A stream of its own: nothing else draws from it. */
  readonly random: Random
  readonly clients: number
  /** Number of shards of the simulated runtime. */
  readonly shards: number
}

/** One run of a workload. */
export interface WorkloadRun {
  /**
   * The next operation of a client that waits for nothing; undefined when it has none just now.
   * @param now virtual ms
   */
  next(client: number, now: number): OperationRequest | undefined
  /** Told of every attempt that ended. */
  completed?(operation: Operation): void
  /** Sent when everything is healed, before the oracles judge the end. */
  finalOperations?(): readonly OperationRequest[]
}

/** A workload: kinds of actors and what clients do with them. */
export interface Workload {
  readonly name: string
  readonly actors: ActorModule
  /** `turn.settings` of the simulated runtime. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** Codes of refusals that bind no key: the same request may be answered otherwise later. */
  readonly passingRefusals?: ReadonlySet<string>
  /** Begins a run. Everything it draws must come from the scope. */
  start(scope: WorkloadScope): WorkloadRun
}
