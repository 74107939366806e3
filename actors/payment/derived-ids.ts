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
  return letter + inBase36(shard) + '-' + inBase36(sequence)
}

const digits = '0123456789abcdefghijklmnopqrstuvwxyz'
const digitPairs = Array.from(
  { length: 36 * 36 },
  (_, pair) => digits.charAt(Math.floor(pair / 36)) + digits.charAt(pair % 36),
)

/** `value.toString(36)`, which is slow, of a whole number: an id is made several times a payment. */
function inBase36(value: number): string {
  let text = ''
  let rest = value
  while (rest >= 36 * 36) {
    const high = Math.floor(rest / (36 * 36))
    text = digitPairs[rest - high * (36 * 36)]! + text
    rest = high
  }
  return (rest < 36 ? digits.charAt(rest) : digitPairs[rest]!) + text
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
  let shard = 0
  for (let at = 1; at < id.length; at++) {
    const code = id.charCodeAt(at)
    const digit = code <= 0x39 ? code - 0x30 : code - 0x57
    if (digit < 0 || digit > 35 || (code > 0x39 && digit < 10)) break
    shard = shard * 36 + digit
    if (shard > Number.MAX_SAFE_INTEGER) return 0
  }
  return shard
}
