/** The two accounts of a payment, and what every step needs to say to them. */
import type { Address, Refusal, Turn } from '../../runtime/index.js'
import type { AccountProtocol, PaymentStep } from '../account/account-protocol.js'
import { refuse } from '../refusals.js'
import type { PaymentEvents, PaymentState, Progress } from './payment-state.js'

type PaymentTurn = Turn<PaymentState, PaymentEvents>

/** The account on one side of a payment. */
export function accountOf(address: Address): Address<AccountProtocol> {
  return address as Address<AccountProtocol>
}

/** A step as the payee's or the payer's account is told of it. */
export function stepFor(turn: PaymentTurn, side: 'payer' | 'payee', amount: number): PaymentStep {
  const { state } = turn
  const other = side === 'payer' ? state.payee : state.payer
  return {
    payment: turn.key,
    other,
    amount,
    currency: state.currency,
    peer: turn.shardOf(other),
  }
}

/**
 * Does at the payer what must be done there. While it is quarantined it waits with it; only money that stays
 * in this shard moves in the frame of its other side, or not at all.
 */
export function tellPayer(
  turn: PaymentTurn,
  command: 'post' | 'dropRefund' | 'creditRefund',
  amount: number,
): void {
  const payer = accountOf(turn.state.payer)
  const step = stepFor(turn, 'payer', amount)
  if (step.peer === turn.shard || turn.canCall(payer)) turn.call(payer, command, step)
  else turn.send(payer, command, step)
}

/** Gives what is not captured back to the payer. */
export function releaseRest(turn: PaymentTurn): void {
  const { payer, payee, day } = turn.state
  const amount = turn.state.amount - turn.state.captured
  if (amount === 0) return
  const account = accountOf(payer)
  const rest = { payment: turn.key, other: payee, amount, day }
  if (turn.canCall(account)) turn.call(account, 'release', rest)
  else turn.send(account, 'release', rest)
}

/** Why a payment that has ended can't be captured or voided. */
export const endedRefusals: Readonly<Record<Exclude<Progress, 'held'>, Refusal>> = {
  none: refuse('not_found'),
  settled: refuse('payment_already_captured'),
  voided: refuse('payment_already_voided'),
  expired: refuse('payment_already_expired'),
  failed: refuse('payment_already_failed'),
}
