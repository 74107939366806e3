/**
 * `pay` as it nearly always goes, done directly: two accounts in memory, one currency, enough money, no fold,
 * payer and payee in shards that commit together. `pay.ts` says what it is and does all other cases; the
 * decisions are its own.
 */
import {
  isWellFormed,
  type DirectCommand,
  type DirectPlan,
  type DirectTurn,
} from '../../runtime/index.js'
import { isAmount } from '../money/minor-units.js'
import { derivedId } from '../payment/derived-ids.js'
import { paymentAddress } from '../payment/payment-protocol.js'
import { openedBy, settledView, type PaymentState } from '../payment/payment-state.js'
import { creditRefusal, foldAmount, spendRefusal } from './account-rules.js'
import type { AccountState } from './account-state.js'
import { spendingDay } from './calendar.js'
import type { PayCommand } from './pay.js'

interface PayPlan extends DirectPlan {
  readonly id: string
}

export const payDirectly: DirectCommand<AccountState, PayCommand> = {
  own: 'paid',
  call: 'credit',
  called: 'credited',
  born: ['payment', 'openedSettled'],
  plan,
  answer: ({ id }: PayPlan, payment: PaymentState) => settledView(id, payment),
}

function plan(turn: DirectTurn<AccountState>, input: PayCommand): PayPlan | undefined {
  const { payee, amount, currency, memo } = input
  if (input.manual || typeof payee !== 'string' || typeof memo !== 'string') return undefined
  if (!isAmount(amount) || !isWellFormed(memo)) return undefined
  const { state, now, address: payer } = turn
  const day = spendingDay(turn)
  if (spendRefusal(state, amount, currency, day) !== undefined) return undefined
  const other = turn.other<AccountState>(payee)
  if (other === undefined) return undefined
  if (creditRefusal(other, amount, currency, 'payee_not_found') !== undefined) return undefined
  if (foldAmount(state, amount) > 0 || foldAmount(other, amount) > 0) return undefined

  const id = derivedId('p', turn.shard, turn.sequence)
  const peer = turn.shard
  const opening = { payer, payee, amount, currency, day, memo }
  return {
    id,
    data: { reference: id, counterparty: payee, amount, day, peer: turn.otherShard },
    input: { payment: id, other: payer, amount, currency, peer },
    calledData: { reference: id, counterparty: payer, amount, peer, at: turn.otherNow },
    bornAddress: paymentAddress(id),
    bornData: openedBy(opening, now),
  }
}
