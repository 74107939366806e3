/**
 * What payments ask of the accounts on their two sides: credit, debit, post, release, refund.
 *
 * Q1. `credit` and `debit` may be refused; all others finish what was promised, and one that finds
 *     no promise is a bug that throws.
 */
import { assert, type Refusal, type Turn } from '../../runtime/index.js'
import type { AccountEvents } from './account-events.js'
import type { Moved, PaymentStep, Returned } from './account-protocol.js'
import { creditRefusal, debitRefusal, foldAmount, refundRefusal } from './account-rules.js'
import type { AccountState } from './account-state.js'

type AccountTurn = Turn<AccountState, AccountEvents>

/** Folds the posted counters when `amount` would bring one of them too far. */
export function foldFirst(turn: AccountTurn, amount: number): void {
  const by = foldAmount(turn.state, amount)
  if (by > 0) turn.emit('folded', { reference: '', counterparty: '', amount: by })
}

export function credit(turn: AccountTurn, input: PaymentStep): Moved | Refusal {
  const { amount, currency } = input
  const refused = creditRefusal(turn.state, amount, currency, 'payee_not_found')
  if (refused !== undefined) return refused
  foldFirst(turn, amount)
  turn.emit('credited', {
    reference: input.payment,
    counterparty: input.other,
    amount,
    peer: input.peer,
    at: turn.now,
  })
  return [turn.now, amount, currency]
}

export function post(turn: AccountTurn, input: PaymentStep): void {
  assert(turn.state.debitsPending >= input.amount, 'more is posted than was held')
  foldFirst(turn, input.amount)
  turn.emit('posted', {
    reference: input.payment,
    counterparty: input.other,
    amount: input.amount,
    peer: input.peer,
  })
}

export function release(turn: AccountTurn, input: Returned): void {
  assert(turn.state.debitsPending >= input.amount, 'more is released than was held')
  turn.emit('released', {
    reference: input.payment,
    counterparty: input.other,
    amount: input.amount,
    day: input.day,
  })
}

export function debit(turn: AccountTurn, input: PaymentStep): Moved | Refusal {
  const { amount, currency } = input
  const refused = debitRefusal(turn.state, amount, currency, 'payee_not_found')
  if (refused !== undefined) return refused
  foldFirst(turn, amount)
  turn.emit('refundDebited', {
    reference: input.payment,
    counterparty: input.other,
    amount,
    peer: input.peer,
    at: turn.now,
  })
  return [turn.now, amount, currency]
}

/** The payment has asked `refundRefusal` in this turn. */
export function expectRefund(turn: AccountTurn, input: PaymentStep): void {
  assert(refundRefusal(turn.state, input.amount) === undefined, 'a refund is expected in vain')
  foldFirst(turn, input.amount)
  turn.emit('refundExpected', {
    reference: input.payment,
    counterparty: input.other,
    amount: input.amount,
  })
}

export function dropRefund(turn: AccountTurn, input: PaymentStep): void {
  assert(turn.state.creditsPending >= input.amount, 'more is dropped than was expected')
  turn.emit('refundDropped', {
    reference: input.payment,
    counterparty: input.other,
    amount: input.amount,
  })
}

export function creditRefund(turn: AccountTurn, input: PaymentStep): void {
  assert(turn.state.creditsPending >= input.amount, 'more is refunded than was expected')
  foldFirst(turn, input.amount)
  turn.emit('refundCredited', {
    reference: input.payment,
    counterparty: input.other,
    amount: input.amount,
    peer: input.peer,
  })
}
