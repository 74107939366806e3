/**
 * `defineActor`: one object literal says what an actor is. Commands decide, events evolve, queries
 * read; the typed client is inferred from it.
 */
import type { Address } from './address.js'
import type { DirectCommand } from './direct.js'
import type { Parked, QueryView, Remembered, ShardView, Turn, Events } from './turn.js'
import type { Outcome, Refusal } from './refusal.js'

// `any`: handler maps are inferred from the literal; each handler keeps its own input type.
/* eslint-disable @typescript-eslint/no-explicit-any */
export type Commands<S, E extends Events<S>> = Record<
  string,
  (turn: Turn<S, E>, input: any) => unknown
>
export type Queries<S> = Record<string, (view: QueryView<S>, input: any) => unknown>

/** What one event changed, for `history` and tallies. */
export interface Change<S = any> {
  readonly address: Address
  readonly kind: string
  readonly key: string
  readonly event: string
  readonly data: any
  readonly before: S
  readonly after: S
}

/**
 * Migrations from older versions; `upcast.state[3]` turns a version 3 state into a version 4 one. What has to be
 * read of an older version needs one for each step, also where nothing changed: `(old) => old`.
 */
export interface Upcasters {
  readonly state?: Record<number, (old: any) => any>
  /** By event name, then by the version the event was written with. */
  readonly events?: Record<string, Record<number, (old: any) => any>>
}

/** An actor's definition. */
export interface ActorDefinition<S = any, E extends Events<S> = Events<any>, C = any, Q = any> {
  /** Name of the kind, `[a-z][a-z0-9-]*`. */
  readonly kind: string
  /**
   * Version of this kind's events and state, a whole number from 1 to 65535. A journal with a newer one is
   * refused.
   * @default 1
   */
  readonly version?: number
  /** State of an actor that never had an event: plain data. Frozen, shared by all. */
  readonly state: S
  /**
   * True when a state is a flat record that nobody keeps: no event, message, timer or answer holds it, and
   * each event makes a new one with the same fields. Then it stays where it is in memory, and the collector
   * has nothing to do with it. A promise: what of such a state, or of its rows of history, is no plain data is
   * not found out before it is written, and stops the runtime then.
   * @default false
   */
  readonly flat?: boolean
  /**
   * Names of events, commands and queries have 1 to 255 characters, none of them a control character.
   * Evolve: pure functions from state and data to the next state, which is plain data; they must not change
   * `state`. A turn whose event gives anything else fails. What a state shares with the one before is not
   * looked at again, so a large one costs what the event changes of it.
   */
  readonly events: E
  /** Decide: synchronous; return an output or a refusal. */
  readonly commands: C
  /** Read only. */
  readonly queries?: Q
  /**
   * Where actors of this kind live. Return an address to live in that actor's shard, or a shard
   * number. @default each key by its own hash
   */
  readonly home?: (key: string) => Address | number
  /**
   * Builds the answer of a command that was remembered with a note (see `Turn.remember`), the first
   * time and every later time. A command without one here can't remember notes. One that throws leaves the client
   * with `outcome_unknown`: what it would tell of was done. `view.unbound(answer)` says that the key binds nothing any more.
   */
  readonly replays?: Record<string, (view: QueryView<S>, note: number) => unknown>
  /** By command: how it is done in nearly every case, without its handler. See {@link DirectCommand}. */
  readonly direct?: Record<string, DirectCommand>
  /** Commands that finish what was already begun: never shed under overload. */
  readonly neverShed?: readonly string[]
  /** When an actor leaves memory for the compact store. @default never */
  readonly passivate?: {
    /** Checked after each turn: a state that will hardly be needed again. */
    readonly when?: (state: S) => boolean
    /** Idle time in ms of shard time. */
    readonly afterIdleMs?: number
  }
  /** The row each event adds to the actor's history; undefined adds none. Kept packed, outside the heap. */
  readonly history?: (change: Change<S>) => unknown
  readonly upcast?: Upcasters
}
/* eslint-enable @typescript-eslint/no-explicit-any */

/**
 * Defines a kind of actors. Types of state, events, commands and queries are inferred.
 * @example
 * const counter = defineActor({
 *   kind: 'counter',
 *   state: { value: 0 },
 *   events: { added: (state, data: { by: number }) => ({ value: state.value + data.by }) },
 *   commands: {
 *     add(turn, input: { by: number }) {
 *       turn.emit('added', { by: input.by })
 *       return turn.state.value
 *     },
 *   },
 *   queries: { value: (view) => view.self.value },
 * })
 */
export function defineActor<S, E extends Events<S>, C, Q = unknown>(
  definition: ActorLiteral<S, E, C, Q>,
): ActorDefinition<S, E, C, Q> {
  return definition
}

/**
 * The literal `defineActor` takes. Each handler map is intersected with its general shape, which is
 * what gives `state`, `turn` and `view` their types inside the literal.
 */
type ActorLiteral<S, E extends Events<S>, C, Q> = Omit<
  ActorDefinition<S, E, C, Q>,
  'state' | 'events' | 'commands' | 'queries'
> & {
  readonly state: S
  readonly events: E & Events<S>
  readonly commands: C & Commands<S, E>
  readonly queries?: Q & Queries<S>
}

/** What a client sees of an answer: parked and remembered answers arrive as what they become. */
export type Answer<T> = Exclude<Awaited<T>, Refusal | Parked | Remembered>

/** The commands of a definition as plain functions, to address it from other kinds. */
export type ProtocolOf<D> =
  D extends ActorDefinition<infer _S, infer _E, infer C, infer _Q>
    ? {
        [N in keyof C]: C[N] extends (turn: never, input: infer I) => infer O
          ? (input: I) => O
          : never
      }
    : never

/**
 * A running total a shard keeps beside its actors, derived from their events alone: the place for
 * invariants over a whole shard, such as "every frame balances". All functions are pure but for
 * changing `tally`, which must stay plain data.
 */
export interface TallyDefinition<T = unknown> {
  initial(shard: number, shards: number): T
  /** Called for each event of a turn, in order, when the turn has succeeded. */
  observe(tally: T, change: Change): void
  /**
   * Called for each message this shard sends, in order. The stamp travels with the message and must
   * hold all that `received` needs; undefined when there is nothing to compare.
   */
  sent(
    tally: T,
    target: number,
    message: { readonly address: Address; readonly command: string; readonly input: unknown },
  ): unknown
  /** Called when a message is applied, with its stamp. Returns what disagrees, if anything. */
  received(tally: T, source: number, stamp: unknown): string | undefined
  /** Called before each frame is written. A sentence stops the shard for good: it is a bug. */
  check(tally: T): string | undefined
}

/** Actors that run together: what `createRuntime` takes as `actors`. */
export interface ActorModule {
  /** URL of the module worker threads import; it must export this object as `actors`. */
  readonly module?: string
  readonly definitions: readonly ActorDefinition[]
  readonly tally?: TallyDefinition
  /**
   * Called by `createRuntime` before anything is opened, and by a node of a cluster before it writes them and when it
   * has read them. A sentence that says what to give refuses the start with `invalid_options`: what turns can't work
   * with would fail each of them.
   */
  readonly checkSettings?: (settings: Readonly<Record<string, unknown>>) => string | undefined
}

export type { Outcome, ShardView }
