/**
 * Refusals: the business "no" as a value with a stable code. Inside a turn a refusal is returned,
 * never thrown; a client's promise rejects with `Refused` (see `errors.ts`), everywhere the same.
 */
import { limits } from '../limits.js'

/** A refused command. Of the turn that returned it remains what it emitted, set and sent, and nothing else. */
export interface Refusal<Code extends string = string> {
  readonly refused: Code
  /**
   * One sentence that says what to do; best constant per code: a key remembers each other one in full.
   * Clients are told its first 1,024 characters.
   */
  readonly detail: string
  /** Whether the idempotency key remembers it, so that a retry can never flip to done. @default true */
  readonly sticky: boolean
}

/** What a command answers: its output, or a refusal. */
export type Outcome<T> = T | Refusal

/** Makes a refusal value. */
export function refusal<Code extends string>(
  code: Code,
  detail: string,
  sticky = true,
): Refusal<Code> {
  // Without a code it would pass for an answer.
  if (typeof code !== 'string' || code === '') throw new TypeError('a refusal has a code')
  // A caller without types may give anything.
  const sticks: unknown = sticky
  return { refused: code, detail, sticky: Boolean(sticks) }
}

/**
 * Tells a refusal from an output: it has the three fields that {@link refusal} gives it, and no others. It is
 * plain data, so one that was kept in a state, or came in a message or out of a journal, still is one. An
 * output that says `refused` among other things, or something else by it, was done.
 */
export function isRefusal(outcome: unknown): outcome is Refusal {
  if (typeof outcome !== 'object' || outcome === null) return false
  const { refused, sticky } = outcome as Partial<Refusal>
  if (typeof refused !== 'string' || refused === '' || typeof sticky !== 'boolean') return false
  return 'detail' in outcome && Object.keys(outcome).length === 3
}

/** A detail as clients are told it and keys remember it: no longer than it may be. */
export function toldDetail(detail: string): string {
  const max = limits.refusalDetailMax
  if (typeof detail !== 'string' || detail.length <= max) return detail
  // No half of a character that takes two units.
  const end = (detail.charCodeAt(max - 1) & 0xfc00) === 0xd800 ? max - 1 : max
  return detail.slice(0, end)
}
