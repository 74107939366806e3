/**
 * The state of a payment: what was agreed, how far it got, and one row for each step, from which the
 * first answer of every request is built again.
 *
 *                     capture, final or all of it
 *            ┌─────────────────────────────────────► settled
 *   none ──► held ── void or expiry, some captured ──►  ▲
 *     │       ├───── void, nothing captured ────────► voided
 *     │       ├───── expiry, nothing captured ──────► expired
 *     │       └───── automatic and payee refuses ───► failed
 *     └── payer and payee in one shard ──────────────► settled
 *
 * P1. 0 ≤ refunded ≤ captured ≤ amount, and the hold is amount − captured while `held`, else 0.
 * P2. At most one step is in flight; while one is, nothing else changes the payment.
 * P3. Rows of steps never change: row n answers the request that was remembered with note n.
 */
import {
  InvariantViolated,
  type Address,
  type Events,
  type QueryView,
  type TimerId,
} from '../../runtime/index.js'
import type { PaymentStatus, PaymentView } from '../bank.js'
import { refusalFor } from '../refusals.js'
import type { OpenPayment } from './payment-protocol.js'

/** How far a payment got. Refunds don't change it; they show in what clients see. */
export type Progress =
  /** Not opened: no such payment. */
  | 'none'
  /** Money is held at the payer; some of it may be captured. */
  | 'held'
  /** All that will be captured is captured. */
  | 'settled'
  /** The hold was given back on request. */
  | 'voided'
  /** The hold was given back because its time was over. */
  | 'expired'
  /** The payee refused an automatic payment; the hold was given back. */
  | 'failed'

const transitions: Readonly<Record<Progress, readonly Progress[]>> = {
  none: ['held', 'settled'],
  held: ['held', 'settled', 'voided', 'expired', 'failed'],
  settled: [],
  voided: [],
  expired: [],
  failed: [],
}

/** The only way from one progress to the next. @throws InvariantViolated for a way that is none */
export function transition(from: Progress, to: Progress): Progress {
  if (!transitions[from].includes(to)) {
    throw new InvariantViolated(`a ${from} payment can't become ${to}`)
  }
  return to
}

/** A step that waits for the payee's answer. */
export interface PendingStep {
  readonly type: 'capture' | 'refund'
  readonly amount: number
  /** Releases what is left of the hold. */
  readonly final: boolean
}

/** Captures, voids and refunds of one payment, refused ones too: its state stays small. */
export const stepsMax = 256

/** A finished step, and what the payment looked like after it. */
export interface StepRow {
  readonly captured: number
  readonly refunded: number
  readonly progress: Progress
  readonly settledAt: number
  /** Code of the payee's refusal; '' when the step was done. */
  readonly refused: string
}

export interface PaymentState {
  readonly progress: Progress
  readonly automatic: boolean
  readonly payer: Address
  readonly payee: Address
  readonly amount: number
  readonly currency: string
  readonly memo: string
  readonly day: number
  readonly captured: number
  readonly refunded: number
  readonly createdAt: number
  /** Time of the last credit at the payee; 0 before. */
  readonly settledAt: number
  /** 0 for an automatic payment. */
  readonly expiresAt: number
  readonly timer: TimerId
  /** The hold's time was over while a step was in flight. */
  readonly expiryDue: boolean
  /** Code of the payee's refusal of an automatic payment; '' otherwise. */
  readonly failure: string
  readonly pending: PendingStep | null
  readonly steps: readonly StepRow[]
}

export const unopenedPayment: PaymentState = {
  progress: 'none',
  automatic: true,
  payer: '',
  payee: '',
  amount: 0,
  currency: '',
  memo: '',
  day: 0,
  captured: 0,
  refunded: 0,
  createdAt: 0,
  settledAt: 0,
  expiresAt: 0,
  timer: 0,
  expiryDue: false,
  failure: '',
  pending: null,
  steps: [],
}

/** An opened payment, with the time of it. */
export interface Opened extends OpenPayment {
  readonly at: number
}

/** What the event that opens a payment says. */
export function openedBy(input: OpenPayment, at: number): Opened {
  const { payer, payee, amount, currency, day, memo } = input
  return { payer, payee, amount, currency, day, memo, at }
}

/** One literal for every payment: states of one shape are cheap to make and to read. */
function opened(
  data: Opened,
  progress: 'held' | 'settled',
  hold?: { readonly expiresAt: number; readonly timer: TimerId },
): PaymentState {
  const { amount, at } = data
  const settled = progress === 'settled'
  const inFlight = !settled && hold === undefined
  return {
    progress: transition('none', progress),
    automatic: hold === undefined,
    payer: data.payer,
    payee: data.payee,
    amount,
    currency: data.currency,
    memo: data.memo,
    day: data.day,
    captured: settled ? amount : 0,
    refunded: 0,
    createdAt: at,
    settledAt: settled ? at : 0,
    expiresAt: hold?.expiresAt ?? 0,
    timer: hold?.timer ?? 0,
    expiryDue: false,
    failure: '',
    pending: inFlight ? { type: 'capture', amount, final: true } : null,
    steps: [],
  }
}

/** Adds the row of a step to a state that is otherwise as after it. */
function withRow(state: PaymentState, refused = ''): PaymentState {
  const { captured, refunded, progress, settledAt } = state
  return {
    ...state,
    pending: null,
    steps: [...state.steps, { captured, refunded, progress, settledAt, refused }],
  }
}

/** What is left of the hold goes back: settled if something was captured, else as the cause says. */
function ended(state: PaymentState, cause: 'voided' | 'expired'): PaymentState {
  const progress = transition(state.progress, state.captured > 0 ? 'settled' : cause)
  return { ...state, progress }
}

export const paymentEvents = {
  /** Automatic, payee elsewhere: the capture of all of it is in flight. */
  opened: (_none: PaymentState, data: Opened): PaymentState => opened(data, 'held'),
  openedSettled: (_none: PaymentState, data: Opened): PaymentState => opened(data, 'settled'),
  held: (
    _none: PaymentState,
    data: Opened & { readonly expiresAt: number; readonly timer: TimerId },
  ): PaymentState => opened(data, 'held', data),

  captureStarted: (s: PaymentState, data: { amount: number; final: boolean }): PaymentState => ({
    ...s,
    pending: { type: 'capture', amount: data.amount, final: data.final },
  }),
  captured: (
    s: PaymentState,
    data: { amount: number; final: boolean; at: number },
  ): PaymentState => {
    const captured = s.captured + data.amount
    const progress = transition(s.progress, data.final ? 'settled' : 'held')
    const after = { ...s, captured, settledAt: data.at, progress, pending: null }
    return s.automatic ? after : withRow(after)
  },
  captureRefused: (s: PaymentState, data: { code: string }): PaymentState => withRow(s, data.code),
  failed: (s: PaymentState, data: { code: string }): PaymentState => ({
    ...s,
    progress: transition(s.progress, 'failed'),
    failure: data.code,
    pending: null,
  }),

  voided: (s: PaymentState, _data: null): PaymentState => withRow(ended(s, 'voided')),
  expiryDue: (s: PaymentState, _data: null): PaymentState => ({ ...s, expiryDue: true }),
  expired: (s: PaymentState, _data: null): PaymentState => ended(s, 'expired'),

  refundStarted: (s: PaymentState, data: { amount: number }): PaymentState => ({
    ...s,
    pending: { type: 'refund', amount: data.amount, final: false },
  }),
  refunded: (s: PaymentState, data: { amount: number }): PaymentState =>
    withRow({ ...s, refunded: s.refunded + data.amount }),
  refundRefused: (s: PaymentState, data: { code: string }): PaymentState => withRow(s, data.code),
} satisfies Events<PaymentState>

export type PaymentEvents = typeof paymentEvents

/** True when nothing moves any more unless somebody asks for a refund. */
export function isFinished(state: PaymentState): boolean {
  return state.progress !== 'held' && state.pending === null
}

/** The payment as clients see it now. */
export function paymentView(id: string, state: PaymentState): PaymentView {
  return viewAt(id, state, state)
}

/**
 * The first answer to a `pay`: as the payment stood when that was done, whatever came later.
 * While the automatic capture is in flight the answer waits.
 */
export function firstAnswer(view: QueryView<unknown>, id: string, state: PaymentState): unknown {
  const nothing = { captured: 0, refunded: 0, settledAt: 0 }
  if (!state.automatic) return viewAt(id, state, { ...nothing, progress: 'held' })
  if (state.progress === 'held') return view.park(id)
  if (state.progress === 'failed') return refusedAnswer(view, state.failure)
  return settledView(id, state)
}

/** An automatic payment as it was when it was settled. */
export function settledView(id: string, state: PaymentState): PaymentView {
  const { amount, settledAt } = state
  return viewAt(id, state, { progress: 'settled', captured: amount, refunded: 0, settledAt })
}

/** The first answer to step `number` of a payment. */
export function stepAnswer(view: QueryView<PaymentState>, number: number): unknown {
  const state = view.self
  const row = state.steps[number]
  if (row === undefined) return view.park(view.key)
  if (row.refused !== '') return refusedAnswer(view, row.refused)
  return viewAt(view.key, state, row)
}

/** A refusal that came from elsewhere; its key is free again when the reason may pass. */
function refusedAnswer(view: QueryView<unknown>, code: string): unknown {
  const refused = refusalFor(code)
  return refused.sticky ? refused : view.unbound(refused)
}

interface Moment {
  readonly progress: Progress
  readonly captured: number
  readonly refunded: number
  readonly settledAt: number
}

function viewAt(id: string, state: PaymentState, moment: Moment): PaymentView {
  const { progress } = moment
  const status = statusOf(moment)
  // Optional fields are added one by one: most answers have the first of them at most.
  const view: Writable<PaymentView> = {
    id,
    status,
    payer: state.payer,
    payee: state.payee,
    amount: state.amount,
    captured: moment.captured,
    refunded: moment.refunded,
    currency: state.currency,
    createdAt: state.createdAt,
  }
  if (progress === 'settled') view.settledAt = moment.settledAt
  if (state.expiresAt > 0) view.expiresAt = state.expiresAt
  if (state.memo !== '') view.memo = state.memo
  if (status === 'failed') view.failure = state.failure
  return view
}

type Writable<T> = { -readonly [Field in keyof T]: T[Field] }

function statusOf({ progress, captured, refunded }: Moment): PaymentStatus {
  if (progress === 'none')
    throw new InvariantViolated('a payment that was not opened has no status')
  if (progress !== 'settled' || refunded === 0) return progress
  return refunded === captured ? 'refunded' : 'partially_refunded'
}
