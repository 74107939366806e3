/**
 * Opening, freezing, closing and limiting accounts, and money in and out of the system.
 *
 * N1. Asking again for what is so already changes nothing and answers the account as it is.
 * N2. An account closes only empty: no balance, no holds, nothing expected or reserved.
 */
import {
  addressOf,
  isRefusal,
  type QueryView,
  type Refusal,
  type Turn,
} from '../../runtime/index.js'
import type { AccountKind, AccountView } from '../bank.js'
import { cashAddress, cashView, type CashState } from '../cash/cash.js'
import { isAmount } from '../money/minor-units.js'
import { derivedId } from '../payment/derived-ids.js'
import { refuse } from '../refusals.js'
import { canBeAtOnce, transferAtOnce } from '../transfer/at-once.js'
import { transferAddress } from '../transfer/transfer-protocol.js'
import { firstTransferAnswer, type TransferState } from '../transfer/transfer-state.js'
import type { Leg } from '../bank.js'
import type { AccountEvents } from './account-events.js'
import { creditRefusal, debitRefusal } from './account-rules.js'
import { accountView, type AccountState } from './account-state.js'
import { foldFirst } from './payment-steps.js'

type AccountTurn = Turn<AccountState, AccountEvents>

/** The account as it is in this turn. */
function shown(turn: AccountTurn): AccountView {
  const kind = turn.address.slice(0, turn.address.indexOf('/')) as AccountKind
  return accountView(kind, turn.key, turn.state, turn.version)
}

export function open(
  turn: AccountTurn,
  input: { currency: string; creditLimit: number },
): AccountView | Refusal {
  const { state } = turn
  if (state.status === '') turn.emit('opened', input)
  else if (state.currency !== input.currency || state.creditLimit !== input.creditLimit) {
    return refuse('already_exists')
  }
  return shown(turn)
}

export function freeze(turn: AccountTurn): AccountView | Refusal {
  const { status } = turn.state
  if (status === '') return refuse('account_not_found')
  if (status === 'closed') return refuse('account_closed')
  if (status === 'open') turn.emit('frozen', null)
  return shown(turn)
}

export function unfreeze(turn: AccountTurn): AccountView | Refusal {
  const { status } = turn.state
  if (status === '') return refuse('account_not_found')
  if (status === 'closed') return refuse('account_closed')
  if (status === 'frozen') turn.emit('unfrozen', null)
  return shown(turn)
}

export function close(turn: AccountTurn): AccountView | Refusal {
  const { state } = turn
  if (state.status === '') return refuse('account_not_found')
  if (state.status === 'closed') return shown(turn)
  const empty =
    state.creditsPosted === state.debitsPosted &&
    state.debitsPending === 0 &&
    state.creditsPending === 0
  if (!empty) return refuse('account_not_empty')
  turn.emit('closed', null)
  return shown(turn)
}

/** Replaces both limits; 0 means none. */
export function setLimits(
  turn: AccountTurn,
  input: { perPayment: number; perDay: number },
): AccountView | Refusal {
  const { state } = turn
  if (state.status === '') return refuse('account_not_found')
  if (state.status === 'closed') return refuse('account_closed')
  if (state.perPayment !== input.perPayment || state.perDay !== input.perDay) {
    turn.emit('limitsSet', input)
  }
  return shown(turn)
}

export function deposit(turn: AccountTurn, input: { amount: number; currency: string }) {
  if (!isAmount(input.amount)) return refuse('invalid_request')
  const { amount, currency } = input
  const refused = creditRefusal(turn.state, amount, currency, 'account_not_found')
  if (refused !== undefined) return refused
  return recordCash(turn, 'd', 'deposited', amount)
}

export function withdraw(turn: AccountTurn, input: { amount: number; currency: string }) {
  if (!isAmount(input.amount)) return refuse('invalid_request')
  const refused = debitRefusal(turn.state, input.amount, input.currency)
  if (refused !== undefined) return refused
  return recordCash(turn, 'w', 'withdrawn', input.amount)
}

function recordCash(
  turn: AccountTurn,
  letter: 'd' | 'w',
  event: 'deposited' | 'withdrawn',
  amount: number,
) {
  const sequence = turn.sequence()
  const reference = derivedId(letter, turn.shard, sequence)
  foldFirst(turn, amount)
  turn.emit(event, { reference, counterparty: '', amount })
  const { currency } = turn.state
  turn.call(cashAddress(reference), 'record', { account: turn.address, amount, currency })
  return turn.remember(sequence)
}

/** The answer of a deposit (`d`) or withdrawal (`w`), rebuilt from its record. */
export function replayCash(letter: 'd' | 'w') {
  return (view: QueryView<AccountState>, sequence: number): unknown => {
    const id = derivedId(letter, view.shard, sequence)
    return cashView(id, view.state<CashState>(addressOf('cash', id)))
  }
}

/** A transfer begins at its first payer, who owns its key; its coordinator lives in that shard. */
export function transfer(turn: AccountTurn, input: { legs: readonly Leg[] }) {
  if (turn.state.status === '') return refuse('account_not_found')
  const { legs } = input
  const sound = legs.every(({ payer, payee, amount }) => payer !== payee && isAmount(amount))
  if (!sound || legs.length === 0 || legs[0]?.payer !== turn.address) {
    return refuse('invalid_request')
  }
  if (canBeAtOnce(turn, legs)) {
    const done = transferAtOnce(turn, legs)
    return isRefusal(done) ? done : turn.remember(done)
  }
  const sequence = turn.sequence()
  const id = derivedId('t', turn.shard, sequence)
  const ended = turn.call(transferAddress(id), 'begin', { legs })
  return ended ? turn.remember(sequence) : turn.remember(sequence, id)
}

export function replayTransfer(view: QueryView<AccountState>, sequence: number): unknown {
  const id = derivedId('t', view.shard, sequence)
  return firstTransferAnswer(view, id, view.state<TransferState>(transferAddress(id)))
}
