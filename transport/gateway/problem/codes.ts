/**
 * What each code of the system looks like over HTTP: one table, in order of precedence. A code
 * without a row does not compile; codes are never reused.
 */
import { paymentCodes, type PaymentCode } from '../../../actors/index.js'
import { runtimeCodes, type OutcomeKnown, type RuntimeCode } from '../../../runtime/index.js'

interface CodeEntry {
  readonly retryable: boolean
  readonly outcome: OutcomeKnown
  /** One sentence that says what to do. */
  readonly advice: string
}

/** Codes that only the gateway gives. */
export const gatewayCodes = {
  unauthorized: {
    retryable: false,
    outcome: 'not_executed',
    advice: 'Send a valid API key as "Authorization: Bearer KEY".',
  },
  forbidden: {
    retryable: false,
    outcome: 'not_executed',
    advice: 'This API key does not have the scope for this request.',
  },
  method_not_allowed: {
    retryable: false,
    outcome: 'not_executed',
    advice: 'This path exists, but not with this method; see the header Allow.',
  },
  unsupported_media_type: {
    retryable: false,
    outcome: 'not_executed',
    advice: 'Send the body with the content type that this path takes.',
  },
  body_too_large: {
    retryable: false,
    outcome: 'not_executed',
    advice: 'The body is larger than this path takes; send less.',
  },
  headers_too_large: {
    retryable: false,
    outcome: 'not_executed',
    advice: 'The request line and headers together are too large; send less.',
  },
  request_timeout: {
    retryable: true,
    outcome: 'not_executed',
    advice: 'The request did not arrive in time; send it again.',
  },
  internal_error: {
    retryable: true,
    outcome: 'unknown',
    advice: 'The server failed on this request; ask again with the same idempotency key.',
  },
} as const satisfies Record<string, CodeEntry>

/** A code that only the gateway gives. */
export type GatewayCode = keyof typeof gatewayCodes

/** Every code an answer of the gateway can carry. */
export type Code = RuntimeCode | PaymentCode | GatewayCode

interface HttpRow {
  readonly status: number
  /** A few words, the same for every occurrence (RFC 9457, 3.1.3). */
  readonly title: string
}

/** Status and title of every code. */
export const httpCodes = {
  invalid_request: { status: 400, title: 'Invalid request' },
  unknown_kind: { status: 400, title: 'Unknown kind of actor' },
  unknown_command: { status: 400, title: 'Unknown command' },
  idempotency_key_missing: { status: 400, title: 'Idempotency key missing' },
  unauthorized: { status: 401, title: 'Unauthorized' },
  forbidden: { status: 403, title: 'Forbidden' },
  not_found: { status: 404, title: 'Not found' },
  account_not_found: { status: 404, title: 'Account not found' },
  payee_not_found: { status: 404, title: 'Payee not found' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  request_timeout: { status: 408, title: 'Request not received in time' },
  already_exists: { status: 409, title: 'Already exists' },
  payment_already_captured: { status: 409, title: 'Payment already captured' },
  payment_already_voided: { status: 409, title: 'Payment already voided' },
  payment_already_expired: { status: 409, title: 'Payment already expired' },
  payment_already_failed: { status: 409, title: 'Payment already failed' },
  idempotency_key_expired: { status: 409, title: 'Idempotency key expired' },
  body_too_large: { status: 413, title: 'Body too large' },
  unsupported_media_type: { status: 415, title: 'Unsupported media type' },
  account_closed: { status: 422, title: 'Account closed' },
  account_frozen: { status: 422, title: 'Account frozen' },
  account_not_empty: { status: 422, title: 'Account not empty' },
  currency_mismatch: { status: 422, title: 'Currency mismatch' },
  amount_exceeds_capturable: { status: 422, title: 'Amount exceeds what can be captured' },
  amount_exceeds_refundable: { status: 422, title: 'Amount exceeds what can be refunded' },
  limit_exceeded: { status: 422, title: 'Limit exceeded' },
  insufficient_funds: { status: 422, title: 'Insufficient funds' },
  risk_denied: { status: 422, title: 'Denied by risk' },
  idempotency_conflict: { status: 422, title: 'Idempotency key used for another request' },
  headers_too_large: { status: 431, title: 'Headers too large' },
  internal_error: { status: 500, title: 'Internal error' },
  actor_failed: { status: 500, title: 'Actor failed' },
  not_ready: { status: 503, title: 'Not ready' },
  overloaded: { status: 503, title: 'Overloaded' },
  quarantined: { status: 503, title: 'Quarantined' },
  closed: { status: 503, title: 'Closed' },
  journal_failed: { status: 503, title: 'Journal failed' },
  fenced: { status: 503, title: 'Fenced' },
  backup_running: { status: 409, title: 'Backup already running' },
  backup_target_taken: { status: 409, title: 'Backup target taken' },
  backup_target_invalid: { status: 422, title: 'Backup target invalid' },
  backup_no_space: { status: 503, title: 'No room for the backup' },
  backup_stalled: { status: 503, title: 'Backup stalled' },
  backup_failed: { status: 503, title: 'Backup failed' },
  backup_unsupported: { status: 409, title: 'Backup not supported' },
  outcome_unknown: { status: 504, title: 'Outcome unknown' },
} as const satisfies Record<Code, HttpRow>

/** True for a code of the table. */
export function isCode(code: string): code is Code {
  return Object.hasOwn(httpCodes, code)
}

/** What the registers say about a code: may it be repeated, was it done, what to do. */
export function meaningOf(code: Code): CodeEntry {
  if (code in gatewayCodes) return gatewayCodes[code as GatewayCode]
  if (code in runtimeCodes) return runtimeCodes[code as RuntimeCode]
  const { retryable, outcome, detail } = paymentCodes[code as PaymentCode]
  return { retryable, outcome, advice: detail }
}
