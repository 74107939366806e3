/**
 * What the code of an actor sees while it handles one message: the turn.
 *
 * T1. A turn is synchronous and deterministic: time, chance and everything else come from here.
 * T2. All events of a turn, of the actor itself and of those it calls, take effect together or not
 *     at all; a turn that throws leaves nothing behind.
 * T3. Nothing a turn causes is seen by anybody before the frame that holds it is durable.
 */
import type { Address, Protocol } from './address.js'
import type { Outcome, Refusal } from './refusal.js'

/** Number of a durable timer, unique in its shard. */
export type TimerId = number

/** Returned instead of an answer: run this message again when the token is woken. */
export class Parked {
  readonly parkedOn: string

  constructor(token: string) {
    this.parkedOn = token
  }
}

/** Tells a parked message from an answer. */
export function isParked(outcome: unknown): outcome is Parked {
  return outcome instanceof Parked
}

/** How the answer of a `send` comes back. */
export interface SendOptions {
  /**
   * Command of the sender that receives `{ outcome, context }` ({@link SendAnswer}) when the target
   * has handled the message durably. With it the message is *refusable*: a handler that throws, an
   * unknown kind or a quarantined target answers a refusal (`actor_failed`, `quarantined`, …).
   * Without it the message must be applied: it parks durably until the target can take it.
   */
  readonly then?: string
  /** Handed back unchanged with the answer. */
  readonly context?: unknown
}

/** Input of the command that a `send` names in `then`: what became of the message, and what was to be handed back. */
export interface SendAnswer<T = unknown, C = unknown> {
  readonly outcome: Outcome<T>
  readonly context: C
}

/** Reads states of actors of the same shard; used by queries and replayed answers. */
export interface ShardView {
  /** Shard time in ms since 1970. */
  readonly now: number
  readonly shard: number
  /** State of an actor of this shard; the kind's initial state when it never had an event. */
  state<S>(address: Address): S
  /** Number of events the actor ever had. */
  version(address: Address): number
  /** History rows of an actor, newest first, those before a moment (exclusive) or row number. */
  history(address: Address, options: HistoryOptions): HistoryRow[]
  /** Newest history row at or before a moment; undefined when there is none. */
  historyAt(address: Address, time: number): HistoryRow | undefined
  /** Answer later: run this query, or build this answer, again when the token is woken. */
  park(token: string): Parked
  /**
   * Returned by a `replays` function: whoever waits gets this answer, but the key binds nothing any
   * more, so that the next request with it runs afresh.
   */
  unbound(answer: unknown): Unbound
}

/** See {@link ShardView.unbound}. */
export class Unbound {
  readonly unbound: unknown

  constructor(answer: unknown) {
    this.unbound = answer
  }
}

/** Tells an unbound answer from others. */
export function isUnbound(outcome: unknown): outcome is Unbound {
  return outcome instanceof Unbound
}

/** Which rows of a history to read. */
export interface HistoryOptions {
  readonly limit: number
  /** Only rows with a smaller row number than this. */
  readonly before?: number
}

/** One row of an actor's history: what its `history` function returned for one event. */
export interface HistoryRow<R = unknown> {
  /** 1 for the actor's first row, dense. */
  readonly number: number
  /** Shard time of the event, ms since 1970. */
  readonly time: number
  readonly row: R
}

/** What a query sees. */
export interface QueryView<S> extends ShardView {
  readonly key: string
  readonly address: Address
  readonly self: S
}

// `any`: the shape of an events object; the data type of each event is inferred from it.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Events<S> = Record<string, (state: S, data: any) => S>

/** Data of event `N`. */
export type EventData<E, N extends keyof E> = E[N] extends (state: never, data: infer D) => unknown
  ? D
  : never

/** The context of one turn. */
export interface Turn<S, E extends Events<S> = Events<S>> {
  readonly key: string
  readonly address: Address
  /** State now: events already emitted in this turn are in it. */
  readonly state: S
  /** Number of events the actor ever had, those of this turn included. */
  readonly version: number
  /** Shard time in ms since 1970: never goes back, same for all of the turn. */
  readonly now: number
  readonly shard: number
  /** `settings` given to `createRuntime`. */
  readonly settings: Readonly<Record<string, unknown>>
  /** A number in [0, 1) from the environment's generator. */
  random(): number
  /** Next number of this shard: dense, journaled, never given twice. */
  sequence(): number
  /** Records what happened and applies it to the state at once. */
  emit<N extends keyof E & string>(event: N, data: EventData<E, N>): void
  /**
   * The refusal to return. `sticky: false` lets the same idempotency key try again. What the turn emitted and
   * sent before stands, so that an actor can count wrong PINs: decide first where a refusal is to leave nothing.
   */
  refuse<Code extends string>(
    code: Code,
    detail: string,
    options?: { sticky?: boolean },
  ): Refusal<Code>
  /**
   * Whether {@link call} reaches an actor: it lives in this shard, or in one that commits in the same
   * atomic group and has handled all that was sent to it from here; and it is not quarantined. Each such other shard takes one call
   * a turn that changes anything, behind any number that change nothing; where this says no, `send`.
   */
  canCall(address: Address): boolean
  /**
   * Runs another actor inside this turn: both are committed together, or not at all. One of another
   * shard that throws is undone alone and answers the refusal `actor_failed`.
   * @throws when it is not where {@link canCall} says yes. A turn that calls a quarantined actor of its shard
   *   fails as if its own were: `quarantined`, and what must be applied waits
   */
  call<P extends Protocol, N extends keyof P & string>(
    address: Address<P>,
    command: N,
    input: Parameters<P[N]>[0],
  ): ReturnType<P[N]>
  /** Sends a command to any actor, exactly once, when this turn is durable. */
  send<P extends Protocol, N extends keyof P & string>(
    address: Address<P>,
    command: N,
    input: Parameters<P[N]>[0],
    options?: SendOptions,
  ): void
  /** Reads the state of another actor of the same shard. */
  read<T>(address: Address): T
  /** Sends a command to this actor after a delay; survives restarts. @param delayMs at least 0 */
  after(delayMs: number, command: string, input: unknown): TimerId
  /** Takes a timer back; a timer that already fired is no error. */
  cancel(timer: TimerId): void
  /**
   * Lets this message wait: returned from the handler, it is run again when a turn of this shard
   * wakes the token. A turn that parks must not have emitted or sent anything.
   * A command with an idempotency key may first emit, then return `remember(note, token)`.
   */
  park(token: string): Parked
  /**
   * The answer of a command with an idempotency key, given later: remembers the key with `note`
   * in this frame and answers by the kind's `replays` function, once the token is woken (or at
   * once when no token is given). First and replayed answers come from the same code.
   * @param note a safe integer from which `replays` finds the answer, such as a sequence number
   */
  remember(note: number, token?: string): Remembered
  /**
   * Runs again everything parked on the token, after this turn.
   * @param settledElsewhere the woken answers depend on a message that is durable at its sender,
   *   not on this turn's own frame, and may leave at once
   */
  wake(token: string, options?: { settledElsewhere?: boolean }): void
  /** Shard of an address: the same on every node. */
  shardOf(address: Address): number
}

/** See {@link Turn.remember}. */
export class Remembered {
  readonly rememberedNote: number
  readonly wakeOn: string | undefined

  constructor(note: number, wakeOn: string | undefined) {
    this.rememberedNote = note
    this.wakeOn = wakeOn
  }
}

/** Tells a remembered answer from others. */
export function isRemembered(outcome: unknown): outcome is Remembered {
  return outcome instanceof Remembered
}
