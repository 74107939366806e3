/**
 * The register of the payment domain's refusals. Each code says what to do, whether the same request
 * may do better later, and whether an idempotency key remembers it.
 *
 * R1. The order of the register is the order of precedence: of two reasons to refuse, the one that
 *     stands first is given.
 * R2. The detail of a code is constant, so a replayed refusal is the first one byte for byte.
 * R3. `sticky: false` only where nothing was decided by the state of money: wrong requests, and
 *     parties that do not exist yet.
 */
import { refusal, runtimeCodes, type OutcomeKnown, type Refusal } from '../runtime/index.js'

interface CodeEntry {
  /** One sentence that says what to do. */
  readonly detail: string
  readonly retryable: boolean
  readonly outcome: OutcomeKnown
  /** Whether an idempotency key remembers it. */
  readonly sticky: boolean
}

/** Codes in order of precedence. */
export const paymentCodes = {
  invalid_request: {
    detail: 'Correct the request and send it again.',
    retryable: false,
    outcome: 'not_executed',
    sticky: false,
  },
  idempotency_key_missing: {
    detail: 'Requests that move money need an idempotency key; send the request with one.',
    retryable: false,
    outcome: 'not_executed',
    sticky: false,
  },
  not_found: {
    detail: 'There is no payment with this id; check the id.',
    retryable: false,
    outcome: 'not_executed',
    sticky: false,
  },
  account_not_found: {
    detail: 'There is no such account or merchant; open it first.',
    retryable: false,
    outcome: 'not_executed',
    sticky: false,
  },
  payee_not_found: {
    detail:
      'There is no such payee (a bare id is a merchant; an account is written account/ID); open it first, then send the request again.',
    retryable: false,
    outcome: 'not_executed',
    sticky: false,
  },
  already_exists: {
    detail: 'An account with this id exists with other fields; choose another id.',
    retryable: false,
    outcome: 'not_executed',
    sticky: true,
  },
  account_closed: {
    detail: 'The account of the payer or the payee is closed; use another account.',
    retryable: false,
    outcome: 'not_executed',
    sticky: true,
  },
  account_frozen: {
    detail:
      'The account of the payer or the payee is frozen; have it unfrozen, then use a new key.',
    retryable: false,
    outcome: 'not_executed',
    sticky: true,
  },
  payment_already_captured: {
    detail: 'The payment is captured already; nothing is left to capture or void.',
    retryable: false,
    outcome: 'not_executed',
    sticky: true,
  },
  payment_already_voided: {
    detail: 'The payment is voided; make a new one.',
    retryable: false,
    outcome: 'not_executed',
    sticky: true,
  },
  payment_already_expired: {
    detail: 'The hold of the payment has expired; make a new one.',
    retryable: false,
    outcome: 'not_executed',
    sticky: true,
  },
  payment_already_failed: {
    detail: 'The payment has failed; its field `failure` says why. Make a new one.',
    retryable: false,
    outcome: 'not_executed',
    sticky: true,
  },
  currency_mismatch: {
    detail:
      'The currency of the request is not that of the account, or accounts, it names; send the amount in theirs.',
    retryable: false,
    outcome: 'not_executed',
    sticky: true,
  },
  amount_exceeds_capturable: {
    detail: 'The amount is more than what is left of the hold; capture less.',
    retryable: false,
    outcome: 'not_executed',
    sticky: true,
  },
  amount_exceeds_refundable: {
    detail: 'The amount is more than what is captured and not yet refunded; refund less.',
    retryable: false,
    outcome: 'not_executed',
    sticky: true,
  },
  account_not_empty: {
    detail:
      'The account has a balance, holds or money in flight; bring all to zero, then close it.',
    retryable: false,
    outcome: 'not_executed',
    sticky: true,
  },
  limit_exceeded: {
    detail:
      'The request is beyond a limit of the account or the payment; ask for less, or have it raised.',
    retryable: false,
    outcome: 'not_executed',
    sticky: true,
  },
  insufficient_funds: {
    detail: 'The account has not enough available; bring in money, then use a new key.',
    retryable: false,
    outcome: 'not_executed',
    sticky: true,
  },
  risk_denied: {
    detail: 'The payment was judged too risky; do not send it again unchanged.',
    retryable: false,
    outcome: 'not_executed',
    sticky: true,
  },
} as const satisfies Record<string, CodeEntry>

/** A code of this register. */
export type PaymentCode = keyof typeof paymentCodes

const made = new Map<string, Refusal>(
  Object.entries(paymentCodes).map(([code, entry]) => [
    code,
    Object.freeze(refusal(code, entry.detail, entry.sticky)),
  ]),
)

/** The refusal of a code; always the same object, so that refusing costs nothing. */
export function refuse<Code extends PaymentCode>(code: Code): Refusal<Code> {
  return made.get(code) as Refusal<Code>
}

/**
 * The refusal of a code that came back from another shard and was stored: one of this register or of
 * the runtime's. Codes of trouble that passes (`quarantined`, `overloaded`, …) do not stick.
 */
export function refusalFor(code: string): Refusal {
  const known = made.get(code)
  if (known !== undefined) return known
  const entry = Object.hasOwn(runtimeCodes, code)
    ? runtimeCodes[code as keyof typeof runtimeCodes]
    : undefined
  if (entry === undefined) return refusal(code, 'The other party refused.')
  return refusal(code, entry.advice, !entry.retryable)
}

const ranks: ReadonlyMap<string, number> = new Map(
  Object.keys(paymentCodes).map((code, rank) => [code, rank]),
)

/** Place of a code in the order of precedence; codes of the runtime come last. */
export function rankOf(code: string): number {
  return ranks.get(code) ?? ranks.size
}
