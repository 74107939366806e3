/**
 * The ledger of one shard, kept beside its actors: per currency the sum of all accounts, of world and
 * of transit, and per other shard all that ever crossed between the two.
 *
 * L1. accounts + world + transit = 0 in every currency before every frame. Accounts are summed from
 *     states before and after, world and transit from what events say, so a wrong state and a wrong
 *     event both show.
 * L2. No account is ever below zero by more than its credit limit.
 * L3. Each message that carries money says the pair's running total; the receiver adds up by itself
 *     and compares. A message lost, repeated or changed shows at the next one.
 * L4. At a comparison (equal message numbers) all that the first side of a pair gave was taken by the
 *     second: credits at the payee are posted at the payer, debits at the payee are back at the payer.
 */
import type { Change, TallyDefinition } from '../../runtime/index.js'
import { availableOf, type AccountState } from '../account/account-state.js'
import { mark } from './marks.js'
import { compareStamp, isComparison, stampOf, takeComparison, takeMoney } from './pair-totals.js'
import {
  currencyOf,
  pairIn,
  pairOf,
  sums,
  totals,
  type CurrencyTally,
  type LedgerTally,
  type PairTally,
} from './transit.js'
import { addTo } from './wide.js'

export const ledgerTally: TallyDefinition<LedgerTally> = {
  initial: (shard, shards) => ({ shard, shards, currencies: {}, broken: null }),
  observe,
  sent(tally, target, message) {
    return message.command === '' ? compareStamp(tally, target) : stampOf(tally, target, message)
  },
  received(tally, source, stamp) {
    return isComparison(stamp)
      ? takeComparison(tally, source, stamp)
      : takeMoney(tally, source, stamp)
  },
  check,
}

function observe(tally: LedgerTally, change: Change): void {
  if (change.kind === 'account' || change.kind === 'merchant')
    accountChanged(tally, change as Change<AccountState>)
  else if (change.kind === 'transfer' && change.event === 'legCredited') {
    const { from, to, amount, currency, at } = change.data as Relayed
    // Between two other shards: taken over from the payee's, passed on to the payer's.
    if (from === tally.shard || to === tally.shard) return
    addTo(pairOf(tally, currency, to).totals, totals.posted, amount)
    creditAt(pairOf(tally, currency, from), amount, at)
  }
}

interface Relayed {
  readonly from: number
  readonly to: number
  readonly amount: number
  readonly currency: string
  readonly at: number
}

/** What the data of a money event may hold. */
interface MoneyData {
  readonly amount: number
  /** Shard of the other side; this one's own when the money stays here. */
  readonly peer?: number
  readonly at: number
}

function accountChanged(tally: LedgerTally, change: Change<AccountState>): void {
  const { before, after } = change
  if (after.currency === '') return
  const currency = currencyOf(tally, after.currency)
  const moved =
    after.creditsPosted - before.creditsPosted - (after.debitsPosted - before.debitsPosted)
  if (moved !== 0) addTo(currency.sums, sums.accounts, moved)
  if (availableOf(after) < 0) tally.broken ??= `${change.address} is below its credit limit.`

  const data = change.data as MoneyData | null
  if (data === null) return
  if (change.event === 'deposited') addTo(currency.sums, sums.world, -data.amount)
  else if (change.event === 'withdrawn') addTo(currency.sums, sums.world, data.amount)
  else if (data.peer !== undefined && data.peer !== tally.shard) {
    crossed(currency, change.event, data)
  }
}

/** Money left this shard's accounts for another shard, or came from one. */
function crossed(currency: CurrencyTally, event: string, { peer, amount, at }: MoneyData): void {
  const pair = pairIn(currency, peer ?? 0)
  switch (event) {
    case 'paid':
    case 'posted':
    case 'transferPosted':
    case 'transferPaid':
      addTo(currency.sums, sums.transit, amount)
      addTo(pair.totals, totals.posted, amount)
      return
    case 'credited':
    case 'transferCredited':
    case 'transferReceived':
      addTo(currency.sums, sums.transit, -amount)
      creditAt(pair, amount, at)
      return
    case 'refundDebited':
      addTo(currency.sums, sums.transit, amount)
      mark(pair.debitedMarks, at, pair.totals, totals.debited)
      addTo(pair.totals, totals.debited, amount)
      return
    case 'refundCredited':
      addTo(currency.sums, sums.transit, -amount)
      addTo(pair.totals, totals.refunded, amount)
      return
  }
}

function creditAt(pair: PairTally, amount: number, at: number): void {
  mark(pair.creditedMarks, at, pair.totals, totals.credited)
  addTo(pair.totals, totals.credited, amount)
}

function check(tally: LedgerTally): string | undefined {
  if (tally.broken !== null) return tally.broken
  for (const currency in tally.currencies) {
    const limbs = tally.currencies[currency]?.sums ?? []
    const high = (limbs[0] ?? 0) + (limbs[2] ?? 0) + (limbs[4] ?? 0)
    const low = (limbs[1] ?? 0) + (limbs[3] ?? 0) + (limbs[5] ?? 0)
    // Multiplying by a power of two is exact, and the three lows stay below 2^52.
    if (high * 2 ** 50 + low !== 0) {
      return `${currency} does not balance: accounts, world and transit add up to other than zero.`
    }
  }
  return undefined
}
