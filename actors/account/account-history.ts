/**
 * An account's entries: one row for each event that changes a counter, with the counters after it.
 *
 * H1. Rows alone, added up from zero, give the counters; `recount` proves it for the newest ones.
 */
import type { Change, HistoryRow, QueryView, Refusal } from '../../runtime/index.js'
import type { BalanceView, AccountKind, EntryView, HistoryView } from '../bank.js'
import { refuse } from '../refusals.js'
import type { AccountEvents, Movement } from './account-events.js'
import type { AccountState } from './account-state.js'

/** `[entry type, amount, reference, counterparty, dPending, dPosted, cPending, cPosted]` */
type Row = readonly [number, number, string, string, number, number, number, number]

interface EntryType {
  readonly event: keyof AccountEvents
  readonly name: string
  /** How the amount moves debits pending, debits posted, credits pending, credits posted. */
  readonly effect: readonly [number, number, number, number]
}

/** Rows name their type by its place here, so entries are only ever added at the end. */
const entryTypes: readonly EntryType[] = [
  { event: 'deposited', name: 'deposit', effect: [0, 0, 0, 1] },
  { event: 'withdrawn', name: 'withdrawal', effect: [0, 1, 0, 0] },
  { event: 'folded', name: 'fold', effect: [0, -1, 0, -1] },
  { event: 'held', name: 'hold', effect: [1, 0, 0, 0] },
  { event: 'released', name: 'release', effect: [-1, 0, 0, 0] },
  { event: 'posted', name: 'payment', effect: [-1, 1, 0, 0] },
  { event: 'paid', name: 'payment', effect: [0, 1, 0, 0] },
  { event: 'credited', name: 'credit', effect: [0, 0, 0, 1] },
  { event: 'refundDebited', name: 'refund_debit', effect: [0, 1, 0, 0] },
  { event: 'refundExpected', name: 'refund_pending', effect: [0, 0, 1, 0] },
  { event: 'refundDropped', name: 'refund_dropped', effect: [0, 0, -1, 0] },
  { event: 'refundCredited', name: 'refund_credit', effect: [0, 0, -1, 1] },
  { event: 'transferHeld', name: 'transfer_hold', effect: [1, 0, 0, 0] },
  { event: 'transferReleased', name: 'transfer_release', effect: [-1, 0, 0, 0] },
  { event: 'transferPosted', name: 'transfer_payment', effect: [-1, 1, 0, 0] },
  { event: 'transferReserved', name: 'transfer_reserve', effect: [0, 0, 1, 0] },
  { event: 'transferUnreserved', name: 'transfer_unreserve', effect: [0, 0, -1, 0] },
  { event: 'transferCredited', name: 'transfer_credit', effect: [0, 0, -1, 1] },
  { event: 'transferPaid', name: 'transfer_payment', effect: [0, 1, 0, 0] },
  { event: 'transferReceived', name: 'transfer_credit', effect: [0, 0, 0, 1] },
]

const typeOfEvent: ReadonlyMap<string, number> = new Map(
  entryTypes.map((type, place) => [type.event, place]),
)

/** The row of one event; none for events that move no money. */
export function historyRow(change: Change<AccountState>): Row | undefined {
  const type = typeOfEvent.get(change.event)
  if (type === undefined) return undefined
  const { reference, counterparty, amount } = change.data as Movement
  const { after } = change
  return [
    type,
    amount,
    reference,
    counterparty,
    after.debitsPending,
    after.debitsPosted,
    after.creditsPending,
    after.creditsPosted,
  ]
}

export function history(
  view: QueryView<AccountState>,
  input: { limit: number; before?: number },
): HistoryView | Refusal {
  if (view.self.status === '') return refuse('account_not_found')
  const rows = view.history(view.address, input) as HistoryRow<Row>[]
  const last = rows.at(-1)
  const entries = rows.map(entryOf)
  const more = last !== undefined && last.number > 1 && rows.length === input.limit
  return more ? { entries, next: last.number } : { entries }
}

/** The counters as of a moment, or now by shard time; zero before the first entry. */
export function balanceAt(
  view: QueryView<AccountState>,
  input: { at?: number },
): BalanceView | Refusal {
  const { self } = view
  if (self.status === '') return refuse('account_not_found')
  const at = input.at ?? view.now
  const found = view.historyAt(view.address, at) as HistoryRow<Row> | undefined
  const [, , , , debitsPending, debitsPosted, creditsPending, creditsPosted] = found?.row ?? zeroRow
  return {
    id: view.key,
    kind: view.address.slice(0, view.address.indexOf('/')) as AccountKind,
    currency: self.currency,
    debitsPending,
    debitsPosted,
    creditsPending,
    creditsPosted,
    available: creditsPosted - debitsPosted - debitsPending + self.creditLimit,
    at,
  }
}

/**
 * Recomputes the counters from the newest entries.
 * @returns a sentence when they disagree with the account, '' when they agree
 */
export function recount(view: QueryView<AccountState>, input: { entries: number }): string {
  const rows = view.history(view.address, { limit: input.entries + 1 }) as HistoryRow<Row>[]
  const { self } = view
  let expected: readonly number[] = [
    self.debitsPending,
    self.debitsPosted,
    self.creditsPending,
    self.creditsPosted,
  ]
  for (const { number, row } of rows) {
    if (row.slice(4).some((counter, i) => counter !== expected[i])) {
      return `${view.address} has counters ${expected.join(', ')} where its entry ${number} says ${row.slice(4).join(', ')}.`
    }
    const effect = entryTypes[row[0]]?.effect ?? []
    expected = expected.map((counter, i) => counter - (effect[i] ?? 0) * row[1])
  }
  const whole = rows.length <= input.entries
  if (whole && expected.some((counter) => counter !== 0)) {
    return `${view.address} has counters that are ${expected.join(', ')} more than its entries add up to.`
  }
  return ''
}

const zeroRow: Row = [0, 0, '', '', 0, 0, 0, 0]

function entryOf({ number, time, row }: HistoryRow<Row>): EntryView {
  const [type, amount, reference, counterparty, dPending, dPosted, cPending, cPosted] = row
  return {
    number,
    type: entryTypes[type]?.name ?? 'unknown',
    amount,
    ...(reference === '' ? {} : { reference }),
    ...(counterparty === '' ? {} : { counterparty }),
    debitsPending: dPending,
    debitsPosted: dPosted,
    creditsPending: cPending,
    creditsPosted: cPosted,
    at: time,
  }
}
