/**
 * The kind `payment`: wiring only. It lives in its payer's shard, because its id says so; the states
 * it goes through are drawn in `payment-state.ts`.
 */
import { defineActor, type QueryView, type Refusal, type Parked } from '../../runtime/index.js'
import type { PaymentView } from '../bank.js'
import { refuse } from '../refusals.js'
import { capture, credited, sendCredit } from './capture.js'
import { homeOf } from './derived-ids.js'
import { expire } from './expiry.js'
import type { OpenPayment } from './payment-protocol.js'
import {
  isFinished,
  openedBy,
  paymentEvents,
  paymentView,
  stepAnswer,
  unopenedPayment,
  type PaymentState,
} from './payment-state.js'
import { debited, refund } from './refund.js'
import { voidPayment } from './void.js'

export const payment = defineActor({
  kind: 'payment',
  state: unopenedPayment,
  events: paymentEvents,
  commands: {
    openAutomatic(turn, input: OpenPayment): void {
      turn.emit('opened', openedBy(input, turn.now))
      sendCredit(turn, input.amount)
    },
    openSettled(turn, input: OpenPayment): void {
      turn.emit('openedSettled', openedBy(input, turn.now))
    },
    openHeld(turn, input: OpenPayment & { readonly expiresInMs: number }): void {
      const timer = turn.after(input.expiresInMs, 'expire', null)
      const expiresAt = turn.now + input.expiresInMs
      turn.emit('held', { ...openedBy(input, turn.now), expiresAt, timer })
    },
    capture,
    void: voidPayment,
    refund,
    credited,
    debited,
    expire,
  },
  queries: {
    view: (view: QueryView<PaymentState>): PaymentView | Refusal | Parked => {
      if (view.self.progress === 'none') return refuse('not_found')
      // Between the payee's credit and the payer's post the two sides differ; wait for the post.
      if (view.self.pending !== null) return view.park(view.key)
      return paymentView(view.key, view.self)
    },
  },
  replays: { capture: stepAnswer, void: stepAnswer, refund: stepAnswer },
  home: homeOf,
  neverShed: ['capture', 'void', 'refund'],
  passivate: { when: isFinished },
})
