/**
 * A transfer whose accounts can all be called: done in one turn, without holds, reservations and
 * messages to wait for. Any other goes through its coordinator (`transfer.ts`).
 *
 * A1. Nothing moves before every side was asked; the shard that is asked last decides and moves in one call.
 * A2. Of several refusals the one of the first leg is the answer, then the first of the register.
 * A3. One currency: what a message carries is one amount of one.
 * A4. Two shards called here agree in every comparison, though they exchange no message: all shards of a
 *     thread begin a comparison together, and one that has not handled ours cannot be called.
 */
import { assert, isRefusal, type Address, type Refusal, type Turn } from '../../runtime/index.js'
import type { AccountEvents } from '../account/account-events.js'
import type {
  AccountProtocol,
  LegSide,
  ShardSides,
  SideRefused,
} from '../account/account-protocol.js'
import type { AccountState } from '../account/account-state.js'
import { firstRefused, mayTransfer, transferNow } from '../account/transfer-sides.js'
import type { Leg } from '../bank.js'
import { isAmount } from '../money/minor-units.js'
import { derivedId } from '../payment/derived-ids.js'
import { refusalFor } from '../refusals.js'
import { transferAddress } from './transfer-protocol.js'

type AccountTurn = Turn<AccountState, AccountEvents>

/** What of a transfer one shard does. */
interface Group {
  readonly shard: number
  amount: number
  readonly accounts: { readonly account: Address; readonly sides: LegSide[] }[]
}

/** True when a transfer can be done in this turn of its first payer. */
export function canBeAtOnce(turn: AccountTurn, legs: readonly Leg[]): boolean {
  let sum = 0
  for (const { amount, currency } of legs) {
    sum += amount
    if (currency !== legs[0]!.currency) return false
  }
  // Both sides of all legs may be in one shard.
  if (!isAmount(sum * 2)) return false
  return legs.every(({ payer, payee }) => turn.canCall(payer) && turn.canCall(payee))
}

/** Does it, or says why not. @returns the number of the transfer, or the refusal */
export function transferAtOnce(turn: AccountTurn, legs: readonly Leg[]): number | Refusal {
  const [own, ...near] = groupsOf(turn, legs)
  const { currency } = legs[0]!
  const stepFor = ({ amount, accounts }: Group, transfer = ''): ShardSides => ({
    transfer,
    currency,
    amount,
    accounts,
  })
  const last = near.pop()
  let refused = mayTransfer(turn, stepFor(own!))
  for (const group of near) refused = firstRefused(refused, ask(turn, stepFor(group)))
  if (refused !== null && last !== undefined) {
    refused = firstRefused(refused, ask(turn, stepFor(last)))
  }
  if (refused !== null) return refusalFor(refused.code)

  const sequence = turn.sequence()
  const id = derivedId('t', turn.shard, sequence)
  const late = last === undefined ? null : move(turn, stepFor(last, id))
  if (late !== null) return refusalFor(late.code)
  for (const group of near) {
    assert(move(turn, stepFor(group, id)) === null, 'a shard refuses what it had nothing against')
  }
  assert(
    transferNow(turn, stepFor(own!, id)) === null,
    'a payer refuses what it had nothing against',
  )
  turn.call(transferAddress(id), 'recordSettled', { legs })
  return sequence
}

/** By shard, that of the first payer first. */
function groupsOf(turn: AccountTurn, legs: readonly Leg[]): Group[] {
  const groups: Group[] = []
  const add = (account: Address, shard: number, side: LegSide): void => {
    let group = groups.find((one) => one.shard === shard)
    if (group === undefined) groups.push((group = { shard, amount: 0, accounts: [] }))
    group.amount += side.amount
    const known = group.accounts.find((one) => one.account === account)
    if (known === undefined) group.accounts.push({ account, sides: [side] })
    else known.sides.push(side)
  }
  legs.forEach(({ payer, payee, amount }, leg) => {
    const from = turn.shardOf(payer)
    const to = turn.shardOf(payee)
    add(payer, from, { leg, pays: true, other: payee, amount, peer: to })
    add(payee, to, { leg, pays: false, other: payer, amount, peer: from })
  })
  return groups
}

function ask(turn: AccountTurn, step: ShardSides): SideRefused | null {
  return outcomeOf(step, turn.call(leadOf(step), 'mayTransfer', step))
}

function move(turn: AccountTurn, step: ShardSides): SideRefused | null {
  return outcomeOf(step, turn.call(leadOf(step), 'transferNow', step))
}

/** The account that is told what its shard is to do. */
function leadOf({ accounts }: ShardSides): Address<AccountProtocol> {
  return accounts[0]!.account as Address<AccountProtocol>
}

/** A call that failed refuses the first of its sides. */
function outcomeOf(
  { accounts }: ShardSides,
  outcome: SideRefused | Refusal | null,
): SideRefused | null {
  if (!isRefusal(outcome)) return outcome
  return { leg: accounts[0]!.sides[0]!.leg, code: outcome.refused }
}
