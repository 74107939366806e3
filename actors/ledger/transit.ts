/**
 * What a shard's ledger holds: per currency the sums of accounts, world and transit, and per other
 * shard all that ever crossed. Plain data; it changes only in `tally.ts` and `pair-totals.ts`.
 *
 * T1. transit = Σ over pairs of posted − credited + debited − refunded, of this shard's own totals.
 */
import type { Marks } from './marks.js'
import { zeros, type Limbs } from './wide.js'

/** Places of a currency's sums. */
export const sums = { accounts: 0, world: 1, transit: 2 } as const

/** Places of a pair's totals. "Ours" is this shard, "theirs" the other. */
export const totals = {
  /** Credited to our payees for their payers: they still have to post it. */
  credited: 0,
  /** Posted at our payers for their payees. */
  posted: 1,
  /** Debited from our payees as refunds to their payers: they still have to credit it. */
  debited: 2,
  /** Credited to our payers as refunds from their payees. */
  refunded: 3,
  /** Money carried by messages to them, and by theirs to us. */
  sent: 4,
  received: 5,
  /** What L3 and L4 found missing, as of the newest comparison; zero when all is well. */
  missingMessages: 6,
  missingPosts: 7,
  missingRefunds: 8,
} as const

/** All that ever crossed between this shard and another in one currency. */
export interface PairTally {
  readonly totals: Limbs
  /** When it was credited and debited here. */
  readonly creditedMarks: Marks
  readonly debitedMarks: Marks
}

/** One currency in one shard. */
export interface CurrencyTally {
  readonly sums: Limbs
  /** By shard number; null for shards nothing was ever exchanged with. */
  readonly pairs: (PairTally | null)[]
}

export interface LedgerTally {
  readonly shard: number
  readonly shards: number
  readonly currencies: Record<string, CurrencyTally>
  /** A sentence once a rule was broken: nothing may be written any more. */
  broken: string | null
}

// What was asked last, and its answer: a turn asks several times about the same currency. A memo, not
// state: it holds what the tally holds.
let lastTally: LedgerTally | undefined
let lastCode = ''
let lastCurrency: CurrencyTally | undefined

/** The tally of a currency, made when it is first met. */
export function currencyOf(tally: LedgerTally, currency: string): CurrencyTally {
  if (tally === lastTally && currency === lastCode && lastCurrency !== undefined)
    return lastCurrency
  lastCurrency = tally.currencies[currency] ??= {
    sums: zeros(3),
    pairs: new Array<PairTally | null>(tally.shards).fill(null),
  }
  lastTally = tally
  lastCode = currency
  return lastCurrency
}

/** The tally of a pair, made when it is first met. */
export function pairOf(tally: LedgerTally, currency: string, peer: number): PairTally {
  return pairIn(currencyOf(tally, currency), peer)
}

/** The same, of a currency that was found already. */
export function pairIn({ pairs }: CurrencyTally, peer: number): PairTally {
  return (pairs[peer] ??= { totals: zeros(9), creditedMarks: [], debitedMarks: [] })
}
