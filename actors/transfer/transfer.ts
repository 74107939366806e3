/**
 * The kind `transfer`: the coordinator of one transfer of several legs, all or nothing, and the record of
 * one that was done at once (`at-once.ts`). It lives in the shard of its first payer. Money between two
 * other shards crosses this one, so that every pair of shards is balanced by the two of them alone.
 *
 * K1. Every payer's hold and every payee's reservation is there before the first credit leaves.
 * K2. After that nothing is refused: credits and posts are messages that must be applied.
 * K3. A leg is posted at its payer in the turn in which its credit is known here.
 * K4. Of several refusals the one of the first leg is the answer, then the first of the register, wherever the
 *     accounts live. Only legs behind a known refusal are skipped.
 */
import {
  assert,
  defineActor,
  isRefusal,
  type Address,
  type Outcome,
  type Turn,
} from '../../runtime/index.js'
import type { AccountProtocol, LegCrossing, LegStep, Moved } from '../account/account-protocol.js'
import type { Leg } from '../bank.js'
import { homeOf } from '../payment/derived-ids.js'
import {
  isEnded,
  transferEvents,
  unopenedTransfer,
  type TransferEvents,
  type TransferState,
} from './transfer-state.js'

type TransferTurn = Turn<TransferState, TransferEvents>
type Side = 'payer' | 'payee'

function accountOf(leg: Leg, side: Side): Address<AccountProtocol> {
  return side === 'payer' ? leg.payer : leg.payee
}

function isHere(turn: TransferTurn, address: Address): boolean {
  return turn.shardOf(address) === turn.shard
}

/** False also for a quarantined account: what must be done there waits with it. */
function canCallHere(turn: TransferTurn, address: Address): boolean {
  return isHere(turn, address) && turn.canCall(address)
}

function stepFor(turn: TransferTurn, leg: Leg, side: Side): LegStep {
  const other = side === 'payer' ? leg.payee : leg.payer
  return { transfer: turn.key, other, amount: leg.amount, currency: leg.currency }
}

function legAt(turn: TransferTurn, number: number): Leg {
  const leg = turn.state.legs[number]
  assert(leg !== undefined, 'a transfer has no such leg')
  return leg
}

/** Asks the accounts of this shard first: when one refuses, no later leg needs to be asked (K4). */
function begin(turn: TransferTurn, input: { legs: readonly Leg[] }): boolean {
  turn.emit('begun', { legs: input.legs, at: turn.now })
  for (const here of [true, false]) {
    for (const side of ['payer', 'payee'] as const) {
      input.legs.forEach((leg, number) => {
        if (isHere(turn, accountOf(leg, side)) !== here) return
        const { refused, refusedLeg } = turn.state
        if (refused !== '' && number > refusedLeg) turn.emit('legSkipped', { leg: number })
        else prepare(turn, leg, number, side, here)
      })
    }
  }
  advance(turn)
  return isEnded(turn.state)
}

function prepare(turn: TransferTurn, leg: Leg, number: number, side: Side, here: boolean): void {
  const account = accountOf(leg, side)
  const step = stepFor(turn, leg, side)
  const command = side === 'payer' ? 'transferHold' : 'transferReserve'
  if (here && !turn.canCall(account)) {
    // As it would answer from elsewhere.
    turn.emit('legRefused', { leg: number, code: 'quarantined' })
  } else if (!here) {
    const then = side === 'payer' ? 'held' : 'reserved'
    turn.send(account, command, step, { then, context: number })
  } else if (side === 'payer') {
    hasHeld(turn, number, turn.call(account, 'transferHold', step))
  } else hasReserved(turn, number, turn.call(account, 'transferReserve', step))
}

function hasHeld(turn: TransferTurn, leg: number, outcome: Outcome<number>): void {
  if (isRefusal(outcome)) turn.emit('legRefused', { leg, code: outcome.refused })
  else turn.emit('legHeld', { leg, day: outcome })
}

function hasReserved(turn: TransferTurn, leg: number, outcome: Outcome<true>): void {
  if (isRefusal(outcome)) turn.emit('legRefused', { leg, code: outcome.refused })
  else turn.emit('legReserved', { leg })
}

/** Decides when every answer is there. */
function advance(turn: TransferTurn): void {
  if (turn.state.progress !== 'preparing' || turn.state.waitingFor > 0) return
  if (turn.state.refused !== '') undo(turn)
  else {
    turn.emit('decided', null)
    turn.state.legs.forEach((leg, number) => {
      creditLeg(turn, leg, number)
    })
  }
}

/** Gives every hold and reservation back. */
function undo(turn: TransferTurn): void {
  turn.state.sides.forEach((progress, number) => {
    const leg = legAt(turn, number)
    if (progress.heldOn !== 0) {
      const step = { ...stepFor(turn, leg, 'payer'), day: progress.heldOn }
      if (canCallHere(turn, leg.payer)) turn.call(accountOf(leg, 'payer'), 'transferRelease', step)
      else turn.send(accountOf(leg, 'payer'), 'transferRelease', step)
    }
    if (progress.reserved) {
      const step = stepFor(turn, leg, 'payee')
      if (canCallHere(turn, leg.payee))
        turn.call(accountOf(leg, 'payee'), 'transferUnreserve', step)
      else turn.send(accountOf(leg, 'payee'), 'transferUnreserve', step)
    }
  })
  turn.emit('undone', null)
  turn.wake(turn.key)
}

function creditLeg(turn: TransferTurn, leg: Leg, number: number): void {
  const payee = accountOf(leg, 'payee')
  const step = stepFor(turn, leg, 'payee')
  if (isHere(turn, leg.payee)) {
    const peer = turn.shardOf(leg.payer)
    const moved = turn.call(payee, 'transferCredit', { ...step, leg: number, peer })
    legHasArrived(turn, number, moved)
  } else turn.send(payee, 'transferCredit', { ...step, leg: number, peer: turn.shard })
}

/** A leg's money is with its payee: post it at its payer. */
function legHasArrived(turn: TransferTurn, number: number, moved: Moved): void {
  const leg = legAt(turn, number)
  const [at, amount, currency] = moved
  assert(amount === leg.amount, 'a payee was credited another amount than its leg says')
  const from = turn.shardOf(leg.payer)
  const to = turn.shardOf(leg.payee)
  turn.emit('legCredited', { leg: number, at, amount, currency, from, to })
  const step: LegCrossing = {
    ...stepFor(turn, leg, 'payer'),
    leg: number,
    peer: from === turn.shard ? to : turn.shard,
  }
  if (from === turn.shard) turn.call(accountOf(leg, 'payer'), 'transferPost', step)
  else turn.send(accountOf(leg, 'payer'), 'transferPost', step)
  if (turn.state.waitingFor > 0) return
  turn.emit('settled', { at: Math.max(...turn.state.sides.map((side) => side.creditedAt)) })
  // An answer from another shard came after the decision was durable here; a credit in this shard
  // is in the same frame as the answer, which then waits for it.
  turn.wake(turn.key, { settledElsewhere: to !== turn.shard })
}

export const transfer = defineActor({
  kind: 'transfer',
  state: unopenedTransfer,
  events: transferEvents,
  commands: {
    begin,
    recordSettled(turn, input: { legs: readonly Leg[] }): void {
      turn.emit('settledAtOnce', { legs: input.legs, at: turn.now })
    },
    held(turn, input: { outcome: Outcome<number>; context: number }): void {
      hasHeld(turn, input.context, input.outcome)
      advance(turn)
    },
    reserved(turn, input: { outcome: Outcome<true>; context: number }): void {
      hasReserved(turn, input.context, input.outcome)
      advance(turn)
    },
    legCredited(turn, input: { leg: number; moved: Moved }): void {
      legHasArrived(turn, input.leg, input.moved)
    },
  },
  home: homeOf,
  passivate: { when: isEnded },
})
