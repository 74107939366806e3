/**
 * What transfers ask of the accounts of their legs: hold and reserve first, then credit and post, or
 * give everything back.
 *
 * V1. A held leg can be posted and a reserved leg credited, whatever happens to the account between.
 */
import { assert, type Refusal, type Turn } from '../../runtime/index.js'
import { transferAddress } from '../transfer/transfer-protocol.js'
import type { AccountEvents } from './account-events.js'
import type { LegCrossing, LegReturned, LegStep, Moved } from './account-protocol.js'
import { creditRefusal, spendRefusal } from './account-rules.js'
import type { AccountState } from './account-state.js'
import { spendingDay } from './calendar.js'
import { foldFirst } from './payment-steps.js'

type AccountTurn = Turn<AccountState, AccountEvents>

export function transferHold(turn: AccountTurn, input: LegStep): number | Refusal {
  const { amount, currency } = input
  const day = spendingDay(turn)
  const refused = spendRefusal(turn.state, amount, currency, day)
  if (refused !== undefined) return refused
  foldFirst(turn, amount)
  turn.emit('transferHeld', { reference: input.transfer, counterparty: input.other, amount, day })
  return day
}

export function transferReserve(turn: AccountTurn, input: LegStep): true | Refusal {
  const { amount, currency } = input
  const refused = creditRefusal(turn.state, amount, currency, 'payee_not_found')
  if (refused !== undefined) return refused
  foldFirst(turn, amount)
  turn.emit('transferReserved', { reference: input.transfer, counterparty: input.other, amount })
  return true
}

export function transferRelease(turn: AccountTurn, input: LegReturned): void {
  assert(turn.state.debitsPending >= input.amount, 'more of a transfer is released than was held')
  turn.emit('transferReleased', {
    reference: input.transfer,
    counterparty: input.other,
    amount: input.amount,
    day: input.day,
  })
}

export function transferUnreserve(turn: AccountTurn, input: LegStep): void {
  assert(turn.state.creditsPending >= input.amount, 'more of a transfer is returned than reserved')
  turn.emit('transferUnreserved', {
    reference: input.transfer,
    counterparty: input.other,
    amount: input.amount,
  })
}

export function transferCredit(turn: AccountTurn, input: LegCrossing): Moved {
  assert(turn.state.creditsPending >= input.amount, 'more of a transfer arrives than was reserved')
  foldFirst(turn, input.amount)
  turn.emit('transferCredited', {
    reference: input.transfer,
    counterparty: input.other,
    amount: input.amount,
    peer: input.peer,
    at: turn.now,
  })
  const moved: Moved = [turn.now, input.amount, input.currency]
  // The credit must be applied, so it comes without `then`; the coordinator is told from here.
  const coordinator = transferAddress(input.transfer)
  if (turn.shardOf(coordinator) !== turn.shard) {
    turn.send(coordinator, 'legCredited', { leg: input.leg, moved })
  }
  return moved
}

export function transferPost(turn: AccountTurn, input: LegCrossing): void {
  assert(turn.state.debitsPending >= input.amount, 'more of a transfer is posted than was held')
  foldFirst(turn, input.amount)
  turn.emit('transferPosted', {
    reference: input.transfer,
    counterparty: input.other,
    amount: input.amount,
    peer: input.peer,
  })
}
