/**
 * Direct commands: what a command does in nearly every case, said at once instead of step by step, so that
 * none of what a handler might do has to be provided for.
 *
 * DC1. It does what the command does, byte for byte: frames, states, histories, keys and answers. Whoever
 *     defines one has a test that says so.
 * DC2. Where a case is another one it declines, with nothing done, and the command decides.
 * DC3. What it plans can be written: it has looked at every text of its input. It is found out too late, when
 *     others are decided already: the thread stops, and nothing of it leaves.
 */
import type { Address } from './address.js'

// `any`: states and inputs are the definition's own, as for commands.
/* eslint-disable @typescript-eslint/no-explicit-any */

/**
 * A command of one shape: an event of its actor, a call to an actor in another shard that commits with this
 * one's, an event of that actor, and a new actor of the first one's shard that one event begins and ends.
 * Both actors are of flat kinds, and `replays` of the command builds the same answer from the note.
 */
export interface DirectCommand<S = any, I = any> {
  /** Event of the actor itself. */
  readonly own: string
  /** Command that the other actor is called with, and its event. */
  readonly call: string
  readonly called: string
  /** Kind of the new actor, and its event. */
  readonly born: readonly [kind: string, event: string]
  /** @returns what is to happen, undefined for another case (DC2). It changes nothing. */
  readonly plan: (turn: DirectTurn<S>, input: I) => DirectPlan | undefined
  /** What `replays` would build from the note. @param born state of the new actor */
  readonly answer: (plan: any, born: any) => unknown
}

/** What a direct command sees. */
export interface DirectTurn<S> {
  readonly address: Address
  readonly state: S
  readonly now: number
  readonly shard: number
  readonly settings: Readonly<Record<string, unknown>>
  /** What `turn.sequence()` would give: a plan takes it. */
  readonly sequence: number
  /** The state of the actor to call; undefined where it can't be called directly. */
  other<T = S>(address: Address): T | undefined
  /** The shard of that actor. */
  readonly otherShard: number
  /** Its shard's time. */
  readonly otherNow: number
}

/** What is to happen. */
export interface DirectPlan {
  readonly data: object
  readonly input: object
  readonly calledData: object
  readonly bornAddress: Address
  readonly bornData: object
}
/* eslint-enable @typescript-eslint/no-explicit-any */
