/**
 * What happens to an account: pure steps from one state to the next.
 *
 * E1. Each event moves one amount between counters; both posted counters move by the same amount
 *     only when they are folded.
 * E2. Data holds everything a later reader needs: cause, other party, and the shard on the other side
 *     (`peer`) of money that crosses shards.
 */
import type { Address } from '../../runtime/index.js'
import { amountMax, fits } from '../money/minor-units.js'
import type { AccountState } from './account-state.js'

/** An amount moved for a reason. */
export interface Movement {
  /** Id of the payment, transfer or cash movement behind it. */
  readonly reference: string
  /** Address of the other party; '' for the world. */
  readonly counterparty: Address
  readonly amount: number
}

/** A movement that counts against the limit of a day. */
export interface Spending extends Movement {
  /** Calendar day, yyyymmdd. */
  readonly day: number
}

/** A movement whose other side is in a shard: this one's own number, or another's. */
export interface Crossing extends Movement {
  readonly peer: number
}

/** Money that left for good in one turn with its arrival. */
export interface Payment extends Spending {
  /** Missing in journals that knew such payments inside a shard only. */
  readonly peer?: number
}

/** A crossing that is the first of its two sides, with the time of it. */
export interface TimedCrossing extends Crossing {
  /** ms since 1970. */
  readonly at: number
}

/** One amount, four counters: how many times it is added to each. */
function moved(
  state: AccountState,
  amount: number,
  debitsPending: number,
  debitsPosted: number,
  creditsPending: number,
  creditsPosted: number,
  day = state.day,
  spentOnDay = state.spentOnDay,
): AccountState {
  return {
    status: state.status,
    currency: state.currency,
    creditLimit: state.creditLimit,
    perPayment: state.perPayment,
    perDay: state.perDay,
    day,
    spentOnDay,
    debitsPending: state.debitsPending + debitsPending * amount,
    debitsPosted: state.debitsPosted + debitsPosted * amount,
    creditsPending: state.creditsPending + creditsPending * amount,
    creditsPosted: state.creditsPosted + creditsPosted * amount,
  }
}

/** A literal, not a copy: all accounts have one layout, and there are millions of them. */
function opened(
  _unopened: AccountState,
  data: { currency: string; creditLimit: number },
): AccountState {
  return {
    status: 'open',
    currency: data.currency,
    creditLimit: data.creditLimit,
    perPayment: 0,
    perDay: 0,
    day: 0,
    spentOnDay: 0,
    debitsPending: 0,
    debitsPosted: 0,
    creditsPending: 0,
    creditsPosted: 0,
  }
}

function hold(state: AccountState, { amount, day }: Spending): AccountState {
  return moved(state, amount, 1, 0, 0, 0, day, spentAfter(state, amount, day))
}

function release(state: AccountState, { amount, day }: Spending): AccountState {
  // A day that has passed takes nothing back.
  const spent = state.day === day ? Math.max(0, state.spentOnDay - amount) : state.spentOnDay
  return moved(state, amount, -1, 0, 0, 0, state.day, spent)
}

/** Money leaves for good, without a hold before. */
function pay(state: AccountState, { amount, day }: Spending): AccountState {
  return moved(state, amount, 0, 1, 0, 0, day, spentAfter(state, amount, day))
}

/** Money arrives, without a reservation before. */
function receive(state: AccountState, { amount }: Movement): AccountState {
  return moved(state, amount, 0, 0, 0, 1)
}

/** More than the largest amount in a day counts as that much: no limit is higher. */
function spentAfter(state: AccountState, amount: number, day: number): number {
  if (state.day !== day) return amount
  return fits(state.spentOnDay, amount) ? state.spentOnDay + amount : amountMax
}

export const accountEvents = {
  opened,
  frozen: (state: AccountState, _data: null): AccountState => ({ ...state, status: 'frozen' }),
  unfrozen: (state: AccountState, _data: null): AccountState => ({ ...state, status: 'open' }),
  closed: (state: AccountState, _data: null): AccountState => ({ ...state, status: 'closed' }),
  limitsSet: (state: AccountState, data: { perPayment: number; perDay: number }): AccountState => ({
    ...state,
    perPayment: data.perPayment,
    perDay: data.perDay,
  }),

  deposited: (s: AccountState, d: Movement) => moved(s, d.amount, 0, 0, 0, 1),
  withdrawn: (s: AccountState, d: Movement) => moved(s, d.amount, 0, 1, 0, 0),
  /** Both posted counters lose the same amount; nothing is won or lost by it. */
  folded: (s: AccountState, d: Movement) => moved(s, d.amount, 0, -1, 0, -1),

  held: hold,
  released: release,
  posted: (s: AccountState, d: Crossing) => moved(s, d.amount, -1, 1, 0, 0),
  /** Payer and payee in one turn: no hold is needed between two lines of one group. */
  paid: (s: AccountState, d: Payment) => pay(s, d),
  credited: (s: AccountState, d: TimedCrossing) => receive(s, d),

  refundDebited: (s: AccountState, d: TimedCrossing) => moved(s, d.amount, 0, 1, 0, 0),
  refundExpected: (s: AccountState, d: Movement) => moved(s, d.amount, 0, 0, 1, 0),
  refundDropped: (s: AccountState, d: Movement) => moved(s, d.amount, 0, 0, -1, 0),
  refundCredited: (s: AccountState, d: Crossing) => moved(s, d.amount, 0, 0, -1, 1),

  transferHeld: hold,
  transferReleased: release,
  transferPosted: (s: AccountState, d: Crossing) => moved(s, d.amount, -1, 1, 0, 0),
  transferReserved: (s: AccountState, d: Movement) => moved(s, d.amount, 0, 0, 1, 0),
  transferUnreserved: (s: AccountState, d: Movement) => moved(s, d.amount, 0, 0, -1, 0),
  transferCredited: (s: AccountState, d: TimedCrossing) => moved(s, d.amount, 0, 0, -1, 1),
  /** Both sides of a leg in one turn: no hold, no reservation. */
  transferPaid: (s: AccountState, d: Payment) => pay(s, d),
  transferReceived: (s: AccountState, d: TimedCrossing) => receive(s, d),
}

export type AccountEvents = typeof accountEvents
