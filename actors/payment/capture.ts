/**
 * Capture: all or part of a hold becomes the payee's money.
 *
 * C1. A capture is journaled on the payment before its credit leaves for a shard that can't be called.
 * C2. A payee that refuses ends that capture only; an automatic payment has no other and fails.
 * C3. The answer need not wait for the frame that posts a credit, durable at the payee. What gives
 *     money back to the payer is durable before it is told: after a crash the hold would be there again.
 * C4. A quarantined account is asked for nothing new: the capture is refused, wherever the payee lives.
 */
import { assert, isRefusal, type Outcome, type Turn } from '../../runtime/index.js'
import type { Moved } from '../account/account-protocol.js'
import { isAmount } from '../money/minor-units.js'
import { refusalFor, refuse } from '../refusals.js'
import { expireIfDue } from './expiry.js'
import { accountOf, endedRefusals, releaseRest, stepFor, tellPayer } from './payment-sides.js'
import { stepsMax, type PaymentEvents, type PaymentState } from './payment-state.js'

type PaymentTurn = Turn<PaymentState, PaymentEvents>

export function capture(turn: PaymentTurn, input: { amount?: number; final?: boolean }) {
  const { state } = turn
  if (state.pending !== null) return turn.park(turn.key)
  if (state.progress !== 'held') return endedRefusals[state.progress]
  const left = state.amount - state.captured
  const amount = input.amount ?? left
  if (!isAmount(amount)) return refuse('invalid_request')
  if (amount > left) return refuse('amount_exceeds_capturable')

  if (state.steps.length >= stepsMax) return refuse('limit_exceeded')

  const final = amount === left || input.final === true
  const number = state.steps.length
  if (!turn.canCall(state.payer)) return refusalFor('quarantined')
  if (turn.canCall(state.payee)) {
    const outcome = turn.call(accountOf(state.payee), 'credit', stepFor(turn, 'payee', amount))
    if (isRefusal(outcome)) return refusalFor(outcome.refused)
    finish(turn, amount, final, turn.now)
    return turn.remember(number)
  }
  if (turn.shardOf(state.payee) === turn.shard) return refusalFor('quarantined')
  turn.emit('captureStarted', { amount, final })
  sendCredit(turn, amount)
  return turn.remember(number, turn.key)
}

/** Sends the captured money on its way. */
export function sendCredit(turn: PaymentTurn, amount: number): void {
  turn.send(accountOf(turn.state.payee), 'credit', stepFor(turn, 'payee', amount), answerAsCredited)
}

const answerAsCredited = { then: 'credited' } as const

/** The payee's answer to the capture in flight. */
export function credited(turn: PaymentTurn, input: { outcome: Outcome<Moved> }): void {
  const { pending, automatic } = turn.state
  assert(pending !== null, 'an answer to a capture finds none in flight')
  assert(pending.type === 'capture', 'an answer to a capture finds a refund in flight')
  const { outcome } = input
  if (!isRefusal(outcome)) {
    assert(outcome[1] === pending.amount, 'the payee credited another amount than was captured')
    finish(turn, pending.amount, pending.final, outcome[0])
  } else if (automatic) fail(turn, outcome.refused)
  else turn.emit('captureRefused', { code: outcome.refused })
  expireIfDue(turn)
  turn.wake(turn.key, { settledElsewhere: !hasReleased(turn.state) })
}

/** Whether part of the hold went back to the payer (C3). */
function hasReleased({ progress, amount, captured }: PaymentState): boolean {
  return progress !== 'held' && captured < amount
}

/** The credit is done: post it, and release what a final capture leaves. */
function finish(turn: PaymentTurn, amount: number, final: boolean, at: number): void {
  turn.emit('captured', { amount, final, at })
  tellPayer(turn, 'post', amount)
  if (!final) return
  releaseRest(turn)
  if (turn.state.timer !== 0) turn.cancel(turn.state.timer)
}

function fail(turn: PaymentTurn, code: string): void {
  turn.emit('failed', { code })
  releaseRest(turn)
}
