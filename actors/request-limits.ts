/**
 * What a request to the bank may hold: bounds and rules that every door to it shares, such as the gateway
 * and the command line.
 */
export const requestLimits = {
  /** Characters of the id of an account or merchant. */
  idCharactersMax: 128,
  /** Printable ASCII characters of an idempotency key. */
  idempotencyKeyCharactersMax: 255,
  /** Legs of one transfer. */
  legsMax: 16,
  /** Characters of a memo. */
  memoCharactersMax: 256,
  /** Entries of one page of history, and how many when none are asked for. */
  historyEntriesMax: 1_000,
  historyEntriesDefault: 100,
  /** Of a hold when nothing else is asked for: 7 days. */
  expiresInSecondsDefault: 7 * 24 * 60 * 60,
  /** A year and a day: no card network holds longer. */
  expiresInSecondsMax: 366 * 24 * 60 * 60,
} as const

/**
 * What no memo may hold: control characters, which are no text for people, and halves of surrogate pairs,
 * which have no UTF-8, so that a journal could not give them back. As of a regular expression with `u`.
 */
export const memoCharactersRefused = '\\p{Cc}\\p{Cs}'
