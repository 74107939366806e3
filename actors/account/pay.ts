/**
 * `pay`: the hold on the payer's account, and where the payment goes from there.
 *
 * P1. A refusal is given before anything is emitted.
 * P2. A payee that can be called: everything in this turn, no hold. Otherwise the hold and the payment
 *     are durable before the credit leaves.
 */
import { isRefusal, type Address, type QueryView, type Turn } from '../../runtime/index.js'
import { isAmount } from '../money/minor-units.js'
import { derivedId } from '../payment/derived-ids.js'
import { paymentAddress, type OpenPayment } from '../payment/payment-protocol.js'
import { firstAnswer, type PaymentState } from '../payment/payment-state.js'
import { refusalFor, refuse } from '../refusals.js'
import type { AccountEvents } from './account-events.js'
import type { AccountProtocol } from './account-protocol.js'
import { spendRefusal } from './account-rules.js'
import type { AccountState } from './account-state.js'
import { spendingDay } from './calendar.js'
import { foldFirst } from './payment-steps.js'

/** What a client asks of the payer's account. */
export interface PayCommand {
  readonly payee: Address
  readonly amount: number
  readonly currency: string
  readonly manual: boolean
  /** Of the hold of a manual payment; 0 otherwise. */
  readonly expiresInMs: number
  readonly memo: string
}

export function pay(turn: Turn<AccountState, AccountEvents>, input: PayCommand) {
  const { payee, amount, currency, manual } = input
  if (payee === turn.address || !isAmount(amount)) return refuse('invalid_request')
  const day = spendingDay(turn)
  const refused = spendRefusal(turn.state, amount, currency, day)
  if (refused !== undefined) return refused

  const sequence = turn.sequence()
  const id = derivedId('p', turn.shard, sequence)
  const opening: OpenPayment = {
    payer: turn.address,
    payee,
    amount,
    currency,
    day,
    memo: input.memo,
  }
  if (!manual) {
    if (turn.canCall(payee)) return payHere(turn, opening, id, sequence)
    // In this shard, but quarantined: as one elsewhere would answer (P2).
    if (turn.shardOf(payee) === turn.shard) return refusalFor('quarantined')
  }

  foldFirst(turn, amount)
  turn.emit('held', { reference: id, counterparty: payee, amount, day })
  if (manual) {
    turn.call(paymentAddress(id), 'openHeld', { ...opening, expiresInMs: input.expiresInMs })
    return turn.remember(sequence)
  }
  turn.call(paymentAddress(id), 'openAutomatic', opening)
  return turn.remember(sequence, id)
}

/** Both accounts and the payment in one turn. */
function payHere(
  turn: Turn<AccountState, AccountEvents>,
  opening: OpenPayment,
  id: string,
  sequence: number,
) {
  const { payee, amount, currency, day } = opening
  const credited = turn.call(payee as Address<AccountProtocol>, 'credit', {
    payment: id,
    other: turn.address,
    amount,
    currency,
    peer: turn.shard,
  })
  if (isRefusal(credited)) return refusalFor(credited.refused)
  foldFirst(turn, amount)
  const peer = turn.shardOf(payee)
  turn.emit('paid', { reference: id, counterparty: payee, amount, day, peer })
  turn.call(paymentAddress(id), 'openSettled', opening)
  return turn.remember(sequence)
}

/** The first answer of a `pay`, rebuilt from its payment. */
export function replayPay(view: QueryView<AccountState>, sequence: number): unknown {
  const id = derivedId('p', view.shard, sequence)
  return firstAnswer(view, id, view.state<PaymentState>(paymentAddress(id)))
}
