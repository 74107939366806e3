/**
 * The accounts' part in a transfer that is done at once (`transfer/at-once.ts`): all sides of the legs
 * are decided, then all are moved, without holds and reservations.
 *
 * TS1. What `mayTransfer` has nothing against, `transferNow` does in the same turn: both decide by the
 *     state that the sides before lead to.
 * TS2. An account pays before it is paid: legs don't feed each other.
 */
import { assert, type Address, type Turn } from '../../runtime/index.js'
import { rankOf } from '../refusals.js'
import { accountEvents, type AccountEvents } from './account-events.js'
import type {
  AccountProtocol,
  AccountSides,
  LegSide,
  ShardSides,
  SideRefused,
} from './account-protocol.js'
import { creditRefusal, foldAmount, spendRefusal } from './account-rules.js'
import type { AccountState } from './account-state.js'
import { spendingDay } from './calendar.js'
import { foldFirst } from './payment-steps.js'

type AccountTurn = Turn<AccountState, AccountEvents>

/** @returns of two refusals the one of the earlier leg, then the one that stands first in the register */
export function firstRefused(
  one: SideRefused | null,
  other: SideRefused | null,
): SideRefused | null {
  if (one === null || other === null) return one ?? other
  const before = other.leg - one.leg || rankOf(other.code) - rankOf(one.code)
  return before < 0 ? other : one
}

export function mayTransfer(turn: AccountTurn, input: ShardSides): SideRefused | null {
  let refused: SideRefused | null = null
  for (const one of input.accounts) {
    const found =
      one.account === turn.address
        ? refusedSide(turn, one.sides, input.currency)
        : turn.call(accountOf(one), 'mayTransfer', { ...input, accounts: [one] })
    refused = firstRefused(refused, found)
  }
  return refused
}

export function transferNow(turn: AccountTurn, input: ShardSides): SideRefused | null {
  const refused = mayTransfer(turn, input)
  if (refused !== null) return refused
  for (const one of input.accounts) {
    if (one.account === turn.address) moveSides(turn, one.sides, input.transfer)
    else {
      const late = turn.call(accountOf(one), 'transferNow', { ...input, accounts: [one] })
      assert(late === null, 'a side of a transfer is refused that was not before')
    }
  }
  return null
}

function accountOf({ account }: AccountSides): Address<AccountProtocol> {
  return account as Address<AccountProtocol>
}

/** The account's sides, those in which it pays first. */
function* inOrder(sides: readonly LegSide[]): Generator<LegSide> {
  for (const side of sides) if (side.pays) yield side
  for (const side of sides) if (!side.pays) yield side
}

function refusedSide(
  turn: AccountTurn,
  sides: readonly LegSide[],
  currency: string,
): SideRefused | null {
  const day = spendingDay(turn)
  let { state } = turn
  let refused: SideRefused | null = null
  for (const { leg, pays, amount } of inOrder(sides)) {
    const why = pays
      ? spendRefusal(state, amount, currency, day)
      : creditRefusal(state, amount, currency, 'payee_not_found')
    if (why !== undefined) refused = firstRefused(refused, { leg, code: why.refused })
    else state = after(state, amount, pays, day)
  }
  return refused
}

/** The state one side leads to. */
function after(state: AccountState, amount: number, pays: boolean, day: number): AccountState {
  const by = foldAmount(state, amount)
  const movement = { reference: '', counterparty: '', amount, day, peer: 0, at: 0 }
  const folded = by > 0 ? accountEvents.folded(state, { ...movement, amount: by }) : state
  return pays
    ? accountEvents.transferPaid(folded, movement)
    : accountEvents.transferReceived(folded, movement)
}

function moveSides(turn: AccountTurn, sides: readonly LegSide[], reference: string): void {
  const day = spendingDay(turn)
  for (const { pays, other: counterparty, amount, peer } of inOrder(sides)) {
    foldFirst(turn, amount)
    if (pays) turn.emit('transferPaid', { reference, counterparty, amount, day, peer })
    else turn.emit('transferReceived', { reference, counterparty, amount, peer, at: turn.now })
  }
}
