/**
 * The state of an account or merchant: status, limits and four counters that only events change.
 *
 * S1. available = creditsPosted − debitsPosted − debitsPending + creditLimit, never below zero.
 * S2. creditsPosted + creditsPending, debitsPosted + debitsPending and what may be available at most,
 *     creditsPosted − debitsPosted + creditsPending + creditLimit, are safe integers: what is pending
 *     can always be posted.
 */
import type { AccountKind, AccountStatus, AccountView, Limits } from '../bank.js'

export interface AccountState {
  /** '' before the account is opened. */
  readonly status: AccountStatus | ''
  readonly currency: string
  readonly creditLimit: number
  /** 0 means none, here and in `perDay`. */
  readonly perPayment: number
  readonly perDay: number
  /** Newest calendar day with spending, as yyyymmdd, and what counts against it. */
  readonly day: number
  readonly spentOnDay: number
  readonly debitsPending: number
  readonly debitsPosted: number
  readonly creditsPending: number
  readonly creditsPosted: number
}

export const unopened: AccountState = {
  status: '',
  currency: '',
  creditLimit: 0,
  perPayment: 0,
  perDay: 0,
  day: 0,
  spentOnDay: 0,
  debitsPending: 0,
  debitsPosted: 0,
  creditsPending: 0,
  creditsPosted: 0,
}

/** What may be spent now. */
export function availableOf(state: AccountState): number {
  return state.creditsPosted - state.debitsPosted - state.debitsPending + state.creditLimit
}

/** The account as clients see it. */
export function accountView(
  kind: AccountKind,
  id: string,
  state: AccountState,
  version: number,
): AccountView {
  const limits: Limits = {
    ...(state.perPayment > 0 ? { perPayment: state.perPayment } : {}),
    ...(state.perDay > 0 ? { perDay: state.perDay } : {}),
  }
  return {
    id,
    kind,
    currency: state.currency,
    // An account that was never opened has no view; callers refuse before they ask for one.
    status: state.status === '' ? 'closed' : state.status,
    ...(state.creditLimit > 0 ? { creditLimit: state.creditLimit } : {}),
    ...(state.perPayment > 0 || state.perDay > 0 ? { limits } : {}),
    debitsPending: state.debitsPending,
    debitsPosted: state.debitsPosted,
    creditsPending: state.creditsPending,
    creditsPosted: state.creditsPosted,
    available: availableOf(state),
    version,
  }
}
