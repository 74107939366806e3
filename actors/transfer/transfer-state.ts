/**
 * The state of a transfer: its legs, what each of them has promised, and how far it got.
 *
 *   none ──► preparing ── all held and reserved ──► crediting ── all credited ──► settled
 *     │          └─────── any refusal ────────────► refused                          ▲
 *     └── all accounts within one turn's reach ──────────────────────────────────────┘
 *
 * T1. Nothing is credited before everything is held and reserved.
 * T2. It leaves `preparing` only when every answer is there, so what has to be undone is known.
 */
import { InvariantViolated, type Events, type QueryView } from '../../runtime/index.js'
import type { Leg, TransferView } from '../bank.js'
import { rankOf, refusalFor } from '../refusals.js'

export type TransferProgress =
  /** No such transfer. */
  | 'none'
  /** Legs are being held and reserved. */
  | 'preparing'
  /** The money moves; nothing can be refused any more. */
  | 'crediting'
  /** Every leg is credited. */
  | 'settled'
  /** Something was refused and all was undone. */
  | 'refused'

/** What the two sides of a leg have answered. */
export interface LegProgress {
  /** Day the payer's hold counts on; 0 when there is no hold. */
  readonly heldOn: number
  readonly reserved: boolean
  readonly creditedAt: number
}

export interface TransferState {
  readonly progress: TransferProgress
  readonly legs: readonly Leg[]
  readonly sides: readonly LegProgress[]
  /** Answers that are still out: of holds and reservations, then of credits. */
  readonly waitingFor: number
  /** Refusal that stands first by leg, then by the register's order; '' for none. */
  readonly refused: string
  readonly refusedLeg: number
  readonly createdAt: number
  readonly settledAt: number
}

export const unopenedTransfer: TransferState = {
  progress: 'none',
  legs: [],
  sides: [],
  waitingFor: 0,
  refused: '',
  refusedLeg: 0,
  createdAt: 0,
  settledAt: 0,
}

const transitions: Readonly<Record<TransferProgress, readonly TransferProgress[]>> = {
  none: ['preparing', 'settled'],
  preparing: ['crediting', 'refused'],
  crediting: ['settled'],
  settled: [],
  refused: [],
}

function moveTo(state: TransferState, progress: TransferProgress): TransferState {
  if (!transitions[state.progress].includes(progress)) {
    throw new InvariantViolated(`a transfer that is ${state.progress} can't become ${progress}`)
  }
  return { ...state, progress }
}

function withSide(state: TransferState, leg: number, change: Partial<LegProgress>): TransferState {
  const sides = state.sides.map((side, i) => (i === leg ? { ...side, ...change } : side))
  return { ...state, sides, waitingFor: state.waitingFor - 1 }
}

export const transferEvents = {
  begun: (state: TransferState, data: { legs: readonly Leg[]; at: number }): TransferState => ({
    ...moveTo(state, 'preparing'),
    legs: data.legs,
    sides: data.legs.map(() => ({ heldOn: 0, reserved: false, creditedAt: 0 })),
    waitingFor: data.legs.length * 2,
    createdAt: data.at,
  }),
  legHeld: (s: TransferState, data: { leg: number; day: number }): TransferState =>
    withSide(s, data.leg, { heldOn: data.day }),
  legReserved: (s: TransferState, data: { leg: number }): TransferState =>
    withSide(s, data.leg, { reserved: true }),
  legRefused: (s: TransferState, data: { leg: number; code: string }): TransferState => {
    const after = { ...s, waitingFor: s.waitingFor - 1 }
    const first =
      s.refused === '' ||
      data.leg < s.refusedLeg ||
      (data.leg === s.refusedLeg && rankOf(data.code) < rankOf(s.refused))
    return first ? { ...after, refused: data.code, refusedLeg: data.leg } : after
  },
  /** A side that was never asked, because another had refused already. */
  legSkipped: (s: TransferState, _data: { leg: number }): TransferState => ({
    ...s,
    waitingFor: s.waitingFor - 1,
  }),
  decided: (s: TransferState, _data: null): TransferState => ({
    ...moveTo(s, 'crediting'),
    waitingFor: s.legs.length,
  }),
  undone: (s: TransferState, _data: null): TransferState => moveTo(s, 'refused'),
  /**
   * A leg's money has arrived. When both its accounts live elsewhere it crosses this shard: `from`
   * the payer's shard, `to` the payee's.
   */
  legCredited: (
    s: TransferState,
    data: { leg: number; at: number; amount: number; currency: string; from: number; to: number },
  ): TransferState => withSide(s, data.leg, { creditedAt: data.at }),
  /** Begun and settled in one turn; nothing was held or reserved, so there are no sides. */
  settledAtOnce: (s: TransferState, data: { legs: readonly Leg[]; at: number }): TransferState => ({
    ...moveTo(s, 'settled'),
    legs: data.legs,
    createdAt: data.at,
    settledAt: data.at,
  }),
  settled: (s: TransferState, data: { at: number }): TransferState => ({
    ...moveTo(s, 'settled'),
    settledAt: data.at,
  }),
} satisfies Events<TransferState>

export type TransferEvents = typeof transferEvents

export function isEnded(state: TransferState): boolean {
  return state.progress === 'settled' || state.progress === 'refused'
}

/** The answer to the request that began it, first and later; waits until it has ended. */
export function firstTransferAnswer(
  view: QueryView<unknown>,
  id: string,
  state: TransferState,
): unknown {
  if (state.progress === 'refused') {
    const refused = refusalFor(state.refused)
    return refused.sticky ? refused : view.unbound(refused)
  }
  if (state.progress !== 'settled') return view.park(id)
  const answer: TransferView = {
    id,
    status: 'settled',
    legs: state.legs,
    createdAt: state.createdAt,
    settledAt: state.settledAt,
  }
  return answer
}
