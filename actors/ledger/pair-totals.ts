/**
 * The running totals of each ordered pair of shards: what messages say they carry, what arrives, and
 * the comparison of both sides at equal message numbers (L3 and L4 in `tally.ts`).
 */
import type { LegStep, Moved, PaymentStep, ShardSides } from '../account/account-protocol.js'
import type { Outcome } from '../../runtime/index.js'
import { pairOf, totals, type LedgerTally, type PairTally } from './transit.js'
import { addTo, equals, packedAt, setTo, unpacked, valueOf, type Packed } from './wide.js'

/** Travels with a message that carries money. */
type MoneyStamp = readonly [currency: string, amount: number, total: Packed]

/** Travels with a comparison: the sender's side of the pair, all currencies. */
interface Comparison {
  readonly pairs: readonly (readonly [
    currency: string,
    sent: Packed,
    credited: Packed,
    debited: Packed,
  ])[]
}

interface Sent {
  readonly command: string
  readonly input: unknown
}

/** The stamp of a message; undefined when it carries no money. */
export function stampOf(
  tally: LedgerTally,
  target: number,
  { command, input }: Sent,
): MoneyStamp | undefined {
  switch (command) {
    case 'credit':
    case 'debit':
    case 'transferCredit':
    case 'transferPost':
    case 'transferNow': {
      const { amount, currency } = input as PaymentStep | LegStep | ShardSides
      return carry(tally, target, amount, currency)
    }
    case 'credited':
    case 'debited': {
      const { outcome } = input as { outcome: Outcome<Moved> }
      // What moved is a list, a refusal is none: that is told at a glance, a missing field is not.
      if (!Array.isArray(outcome)) return undefined
      const moved = outcome as Moved
      return carry(tally, target, moved[1], moved[2])
    }
    case 'legCredited': {
      const { moved } = input as { moved: Moved }
      return carry(tally, target, moved[1], moved[2])
    }
    default:
      return undefined
  }
}

function carry(tally: LedgerTally, target: number, amount: number, currency: string): MoneyStamp {
  const pair = pairOf(tally, currency, target)
  addTo(pair.totals, totals.sent, amount)
  return [currency, amount, packedAt(pair.totals, totals.sent)]
}

/** Takes a message in: adds up, and compares with the sender's total. */
export function takeMoney(tally: LedgerTally, source: number, stamp: unknown): string | undefined {
  const money = stamp as MoneyStamp
  const currency = money[0]
  const total = money[2]
  const pair = pairOf(tally, currency, source)
  addTo(pair.totals, totals.received, money[1])
  if (
    equals(pair.totals, totals.received, total) &&
    equals(pair.totals, totals.missingMessages, 0)
  ) {
    return undefined
  }
  return compareMessages(tally, pair, source, currency, total)
}

function compareMessages(
  tally: LedgerTally,
  pair: PairTally,
  source: number,
  currency: string,
  sent: Packed,
): string | undefined {
  const received = valueOf(pair.totals, totals.received)
  const missing = unpacked(sent) - received
  // Said once: what is missing is missing in every later total too.
  if (missing === valueOf(pair.totals, totals.missingMessages)) return undefined
  setTo(pair.totals, totals.missingMessages, missing)
  if (missing === 0n) return undefined
  return `From shard ${source} to shard ${tally.shard}: messages for ${unpacked(sent)} ${currency} were sent, ${received} ${currency} arrived.`
}

/** What this shard says of a pair in a comparison. */
export function compareStamp(tally: LedgerTally, target: number): Comparison {
  const pairs: Comparison['pairs'][number][] = []
  for (const [currency, { pairs: all }] of Object.entries(tally.currencies)) {
    const pair = all[target]
    if (pair === null || pair === undefined) continue
    const { sent, credited, debited } = totals
    pairs.push([
      currency,
      packedAt(pair.totals, sent),
      packedAt(pair.totals, credited),
      packedAt(pair.totals, debited),
    ])
  }
  return { pairs }
}

export function isComparison(stamp: unknown): stamp is Comparison {
  return !Array.isArray(stamp)
}

/**
 * Compares both sides of a pair. What the other side credited or debited should be posted or
 * credited here by now, because its answers came before this comparison; what is not is noted for
 * the audit, which knows whether a quarantined actor explains it.
 */
export function takeComparison(
  tally: LedgerTally,
  source: number,
  stamp: Comparison,
): string | undefined {
  const found: string[] = []
  const said = new Map(stamp.pairs.map((pair) => [pair[0], pair]))
  for (const currency of new Set([...said.keys(), ...Object.keys(tally.currencies)])) {
    const [, sent, credited, debited] = said.get(currency) ?? [currency, 0, 0, 0]
    const pair = pairOf(tally, currency, source)
    const { posted, refunded, missingPosts, missingRefunds } = totals
    setTo(pair.totals, missingPosts, unpacked(credited) - valueOf(pair.totals, posted))
    setTo(pair.totals, missingRefunds, unpacked(debited) - valueOf(pair.totals, refunded))
    const finding = compareMessages(tally, pair, source, currency, sent)
    if (finding !== undefined) found.push(finding)
  }
  return found.length === 0 ? undefined : found.join(' ')
}
