/** Void: what is left of a hold goes back to the payer on request. */
import type { Turn } from '../../runtime/index.js'
import { endedRefusals, releaseRest } from './payment-sides.js'
import type { PaymentEvents, PaymentState } from './payment-state.js'

export function voidPayment(turn: Turn<PaymentState, PaymentEvents>) {
  const { state } = turn
  if (state.pending !== null) return turn.park(turn.key)
  if (state.progress !== 'held') return endedRefusals[state.progress]
  const number = state.steps.length
  turn.emit('voided', null)
  releaseRest(turn)
  if (state.timer !== 0) turn.cancel(state.timer)
  return turn.remember(number)
}
