/**
 * Expiry: a hold that nobody ended in time is given back by a durable timer.
 *
 * X1. Time alone never expires a hold; only its timer does, so that a clock that jumps expires
 *     nothing (the runtime's guard holds timers back).
 * X2. While a step is in flight a hold does not expire; it does so when the step has ended.
 */
import type { Turn } from '../../runtime/index.js'
import { releaseRest } from './payment-sides.js'
import type { PaymentEvents, PaymentState } from './payment-state.js'

type PaymentTurn = Turn<PaymentState, PaymentEvents>

/** The hold's time is over. */
export function expire(turn: PaymentTurn): void {
  const { progress, pending } = turn.state
  if (progress !== 'held') return
  if (pending === null) end(turn)
  else turn.emit('expiryDue', null)
}

/** Ends a hold whose time was over while a step was in flight. */
export function expireIfDue(turn: PaymentTurn): void {
  if (turn.state.expiryDue && turn.state.progress === 'held') end(turn)
}

function end(turn: PaymentTurn): void {
  turn.emit('expired', null)
  releaseRest(turn)
}
