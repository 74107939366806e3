/**
 * Ids of payments, transfers and cash movements: `p1k-3f`, a letter, the number of the shard it lives
 * in and a number of that shard, both in base 36. The id locates; no directory is asked.
 *
 * D1. An id has one spelling (no leading zeros, lower case), so one thing has one address.
 * D2. A string that is no id is told apart without an exception; it names nothing.
 */

/** First letter of an id: what it names. */
export type IdLetter = 'p' | 't' | 'd' | 'w'

/** Where a thing lives and its number there. */
export interface IdParts {
  readonly shard: number
  readonly sequence: number
}

const pattern = /^[ptdw](0|[1-9a-z][0-9a-z]{0,3})-([1-9a-z][0-9a-z]{0,10})$/

/** @returns the id of thing number `sequence` of a shard */
export function derivedId(letter: IdLetter, shard: number, sequence: number): string {
  return `${letter}${shard.toString(36)}-${sequence.toString(36)}`
}

/** Takes an id apart; undefined when it is none, or not of this letter. */
export function partsOf(letter: IdLetter, id: string): IdParts | undefined {
  if (!id.startsWith(letter)) return undefined
  const match = pattern.exec(id)
  if (match === null) return undefined
  const shard = Number.parseInt(match[1] ?? '', 36)
  const sequence = Number.parseInt(match[2] ?? '', 36)
  return Number.isSafeInteger(sequence) ? { shard, sequence } : undefined
}

/**
 * Home of an actor whose key is such an id: its shard, for any string. What is no id lives in
 * shard 0, where nothing answers to it.
 */
export function homeOf(id: string): number {
  const end = id.indexOf('-')
  const shard = Number.parseInt(id.slice(1, end < 0 ? undefined : end), 36)
  return Number.isSafeInteger(shard) && shard >= 0 ? shard : 0
}
