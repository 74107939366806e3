/**
 * Refund: captured money goes back, payee first.
 *
 * F1. A refund is reserved on the payment before the payee is asked, so refunds never add up to more
 *     than was captured, and the payer's account can't close meanwhile.
 * F2. The payee may refuse; after it agreed, the payer's credit can't be refused any more.
 */
import { assert, isRefusal, type Outcome, type Turn } from '../../runtime/index.js'
import type { Moved } from '../account/account-protocol.js'
import { refundRefusal } from '../account/account-rules.js'
import type { AccountState } from '../account/account-state.js'
import { isAmount } from '../money/minor-units.js'
import { refusalFor, refuse } from '../refusals.js'
import { expireIfDue } from './expiry.js'
import { accountOf, endedRefusals, stepFor, tellPayer } from './payment-sides.js'
import { stepsMax, type PaymentEvents, type PaymentState } from './payment-state.js'

type PaymentTurn = Turn<PaymentState, PaymentEvents>

export function refund(turn: PaymentTurn, input: { amount?: number }) {
  const { state } = turn
  if (state.pending !== null) return turn.park(turn.key)
  const { progress } = state
  if (progress !== 'held' && progress !== 'settled') return endedRefusals[progress]
  const left = state.captured - state.refunded
  const amount = input.amount ?? left
  if (left > 0 && !isAmount(amount)) return refuse('invalid_request')
  const payer = turn.read<AccountState>(state.payer)
  if (payer.status === 'closed') return refuse('account_closed')
  if (left === 0 || amount > left) return refuse('amount_exceeds_refundable')
  if (state.steps.length >= stepsMax) return refuse('limit_exceeded')
  const refused = refundRefusal(payer, amount)
  if (refused !== undefined) return refused

  const number = state.steps.length
  if (!turn.canCall(state.payer)) return refusalFor('quarantined')
  if (turn.canCall(state.payee)) return refundHere(turn, amount, number)
  if (turn.shardOf(state.payee) === turn.shard) return refusalFor('quarantined')
  turn.emit('refundStarted', { amount })
  turn.call(accountOf(state.payer), 'expectRefund', stepFor(turn, 'payer', amount))
  turn.send(accountOf(state.payee), 'debit', stepFor(turn, 'payee', amount), { then: 'debited' })
  return turn.remember(number, turn.key)
}

/** The payee can be called: all of it in this turn. */
function refundHere(turn: PaymentTurn, amount: number, number: number) {
  const { payer, payee } = turn.state
  const outcome = turn.call(accountOf(payee), 'debit', stepFor(turn, 'payee', amount))
  if (isRefusal(outcome)) return refusalFor(outcome.refused)
  turn.call(accountOf(payer), 'expectRefund', stepFor(turn, 'payer', amount))
  finish(turn, amount)
  return turn.remember(number)
}

/** The payee's answer to the refund in flight. */
export function debited(turn: PaymentTurn, input: { outcome: Outcome<Moved> }): void {
  const { pending } = turn.state
  assert(pending !== null, 'an answer to a refund finds none in flight')
  assert(pending.type === 'refund', 'an answer to a refund finds a capture in flight')
  const { outcome } = input
  if (isRefusal(outcome)) {
    turn.emit('refundRefused', { code: outcome.refused })
    tellPayer(turn, 'dropRefund', pending.amount)
  } else {
    assert(outcome[1] === pending.amount, 'the payee was debited another amount than asked')
    finish(turn, pending.amount)
  }
  expireIfDue(turn)
  turn.wake(turn.key)
}

function finish(turn: PaymentTurn, amount: number): void {
  turn.emit('refunded', { amount })
  tellPayer(turn, 'creditRefund', amount)
}
