/**
 * May this account send, may it receive: pure decisions over its state.
 *
 * A1. The checks stand in the order of the register in `refusals.ts`.
 * A2. A frozen account sends nothing new and takes no new money; what was promised before (holds,
 *     reservations) and compensation (refunds, releases) still go through. A closed account takes
 *     part in nothing.
 * A3. What folding makes room for is no reason to refuse: whoever emits folds first (`foldFirst`). Then the
 *     counters of an account that has the money always have room for the debit: it is no more than is
 *     available, which is a safe integer (S2).
 */
import type { Refusal } from '../../runtime/index.js'
import { amountMax, fitsBoth } from '../money/minor-units.js'
import { refuse } from '../refusals.js'
import { availableOf, type AccountState } from './account-state.js'

/** Refusal of a state that can't take part; undefined when it can. */
function standing(
  state: AccountState,
  currency: string,
  unknown: 'account_not_found' | 'payee_not_found',
): Refusal | undefined {
  if (state.status === '') return refuse(unknown)
  if (state.status === 'closed') return refuse('account_closed')
  if (state.status === 'frozen') return refuse('account_frozen')
  if (state.currency !== currency) return refuse('currency_mismatch')
  return undefined
}

/** May this much leave the account by withdrawal or refund? */
export function debitRefusal(
  state: AccountState,
  amount: number,
  currency: string,
  unknown: 'account_not_found' | 'payee_not_found' = 'account_not_found',
): Refusal | undefined {
  const refused = standing(state, currency, unknown)
  if (refused !== undefined) return refused
  if (availableOf(state) < amount) return refuse('insufficient_funds')
  return undefined
}

/** May this much be spent on this day? */
export function spendRefusal(
  state: AccountState,
  amount: number,
  currency: string,
  day: number,
): Refusal | undefined {
  const refused = standing(state, currency, 'account_not_found')
  if (refused !== undefined) return refused
  if (state.perPayment > 0 && amount > state.perPayment) return refuse('limit_exceeded')
  const spent = state.day === day ? state.spentOnDay : 0
  // perDay − spent may be below zero, never beyond the safe integers; spent + amount could be.
  if (state.perDay > 0 && amount > state.perDay - spent) return refuse('limit_exceeded')
  if (availableOf(state) < amount) return refuse('insufficient_funds')
  return undefined
}

/** May this much new money come in? */
export function creditRefusal(
  state: AccountState,
  amount: number,
  currency: string,
  unknown: 'account_not_found' | 'payee_not_found',
): Refusal | undefined {
  const refused = standing(state, currency, unknown)
  if (refused !== undefined) return refused
  return creditFits(state, amount) ? undefined : refuse('limit_exceeded')
}

/** May a refund come back? Compensation: a frozen account takes it, a closed one can't. */
export function refundRefusal(state: AccountState, amount: number): Refusal | undefined {
  if (state.status === '' || state.status === 'closed') return refuse('account_closed')
  return creditFits(state, amount) ? undefined : refuse('limit_exceeded')
}

/**
 * True when the account can take a credit of this much: in its counters once they are folded, and in what
 * may be available at most (S2).
 */
export function creditFits(state: AccountState, amount: number): boolean {
  const { creditsPending, creditLimit } = state
  const balance = state.creditsPosted - state.debitsPosted
  if (!fitsBoth(Math.max(balance, 0), creditsPending, amount)) return false
  // Nothing here is rounded into a yes: the balance is above −2^53, where the first roundings are.
  return balance <= amountMax - creditLimit - creditsPending - amount
}

/** Posted counters are folded before one of them reaches this. */
const foldBefore = 2 ** 52
/** A fold takes away at least this much, so that folds stay rare, but where it is the only way. */
const foldAmountMin = 2 ** 40

/** By how much both posted counters are to be folded before they take `amount`; 0 for not at all. */
export function foldAmount(state: AccountState, amount: number): number {
  const { debitsPosted, creditsPosted, debitsPending, creditsPending } = state
  const posted = Math.max(debitsPosted, creditsPosted)
  if (posted < foldBefore - amount && Math.max(debitsPending, creditsPending) < foldBefore) return 0
  const common = Math.min(debitsPosted, creditsPosted)
  if (common >= foldAmountMin && posted >= foldBefore - amount) return common
  const fit =
    fitsBoth(creditsPosted, creditsPending, amount) && fitsBoth(debitsPosted, debitsPending, amount)
  return fit ? 0 : common
}
