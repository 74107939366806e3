/**
 * The audit of the whole system: both sides of each pair of shards compared, all ledgers added up,
 * some accounts recomputed from their entries.
 *
 * A1. A sum of zero proves nothing alone; `conserved` also needs every pair to agree.
 * A2. Shards are looked at twice, one after the other. Totals only grow, so what the first look shows
 *     as given and the second doesn't show as taken was in flight, and what was taken at the first
 *     look but is not given at the second is a finding, whatever runs meanwhile.
 * A3. An audit waits for no disk without bound: where a shard can't tell what is durable there is none.
 */
import {
  Fault,
  type Address,
  type RuntimeClient,
  type ShardStatus,
  type SilentPair,
} from '../../runtime/index.js'
import type { AuditView } from '../bank.js'
import { ageOf } from './marks.js'
import { sums, totals, type LedgerTally, type PairTally } from './transit.js'
import { valueOf } from './wide.js'

export interface AuditOptions {
  /** Wall clock, ms since 1970. */
  readonly now: () => number
  /** Accounts to recompute from their entries. */
  readonly accounts: readonly Address[]
  /** ms a pair of shards may take to answer. */
  readonly compareTimeoutMs: number
}

/** ms for which a look at all shards waits for what they show to be durable. */
const statusWaitMs = 5_000
/** Newest entries of an account that are recomputed while it serves. */
const entriesOfAudit = 200

type InFlight = AuditView['inFlight'][number]

/** @throws Fault when the shards can't be asked */
export async function audit(runtime: RuntimeClient, options: AuditOptions): Promise<AuditView> {
  const silent = await runtime.comparePairs({ timeoutMs: options.compareTimeoutMs })
  const first = await allStatuses(runtime)
  const second = await allStatuses(runtime)
  const findings = [
    ...silent.map(silentSentence),
    ...first.flatMap(({ disagreements }) => disagreements),
    ...second.flatMap(shardFindings),
    ...(await recountFindings(runtime, options.accounts)),
  ]
  const now = options.now()
  const inFlight = moneyInFlight(first, second, now, findings)
  const currencies = addUp(second, findings)
  const unique = [...new Set(findings)]
  return {
    currencies,
    inFlight,
    conserved: unique.length === 0,
    findings: unique,
    checkedAt: now,
  }
}

/** A part of the shards proves nothing. @throws Fault not_ready when some have storage that takes nothing */
async function allStatuses(runtime: RuntimeClient): Promise<ShardStatus[]> {
  const statuses = await runtime.shardStatus({ waitMs: statusWaitMs })
  if (statuses.length >= runtime.shards) return statuses
  const told = new Set(statuses.map(({ shard }) => shard))
  const all = Array.from({ length: runtime.shards }, (_, shard) => shard)
  const missing = all.filter((shard) => !told.has(shard))
  const sentence = `There is no audit now: the storage of shards ${missing.join(', ')} takes nothing. Look at the disk, then ask again.`
  throw new Fault('not_ready', sentence)
}

function silentSentence({ from, to }: SilentPair): string {
  return `Shard ${to} has not answered shard ${from} in time, so the two could not be compared.`
}

function tallyOf(status: Pick<ShardStatus, 'tally'>): LedgerTally | undefined {
  // The status of a shard carries its tally as plain data; ours is the only one there is.
  return status.tally as LedgerTally | undefined
}

/** Money on its way as these shards hold it, in minor units by currency. All shards' together are what is in flight. */
export function transitOf(statuses: readonly Pick<ShardStatus, 'tally'>[]): Record<string, string> {
  const sum = new Map<string, bigint>()
  for (const status of statuses) {
    for (const [currency, { sums: limbs }] of Object.entries(tallyOf(status)?.currencies ?? {})) {
      sum.set(currency, (sum.get(currency) ?? 0n) - valueOf(limbs, sums.transit))
    }
  }
  return Object.fromEntries([...sum].map(([currency, value]) => [currency, String(value)]))
}

/** What one shard's ledger says by itself. */
export function shardFindings(status: Pick<ShardStatus, 'shard' | 'tally'>): string[] {
  const tally = tallyOf(status)
  if (tally === undefined) return [`Shard ${status.shard} shows no ledger.`]
  const findings = tally.broken === null ? [] : [`Shard ${status.shard}: ${tally.broken}`]
  for (const [currency, { sums: limbs, pairs }] of Object.entries(tally.currencies)) {
    let transit = 0n
    pairs.forEach((pair, peer) => {
      if (pair === null) return
      transit += transitOfPair(pair)
      findings.push(...missingSentences(pair, peer, tally.shard, currency))
    })
    if (transit !== valueOf(limbs, sums.transit)) {
      findings.push(`Shard ${tally.shard}: its pairs do not add up to its ${currency} transit.`)
    }
  }
  return findings
}

function transitOfPair({ totals: limbs }: PairTally): bigint {
  return (
    valueOf(limbs, totals.posted) -
    valueOf(limbs, totals.credited) +
    valueOf(limbs, totals.debited) -
    valueOf(limbs, totals.refunded)
  )
}

function missingSentences(
  pair: PairTally,
  peer: number,
  shard: number,
  currency: string,
): string[] {
  const { totals: limbs } = pair
  const sentences: string[] = []
  const messages = valueOf(limbs, totals.missingMessages)
  const posts = valueOf(limbs, totals.missingPosts)
  const refunds = valueOf(limbs, totals.missingRefunds)
  if (messages !== 0n) {
    sentences.push(
      `From shard ${peer} to shard ${shard}: ${messages} ${currency} carried by messages are missing.`,
    )
  }
  if (posts !== 0n) {
    sentences.push(
      `Shard ${peer} credited ${posts} ${currency} more than shard ${shard} posted for it.`,
    )
  }
  if (refunds !== 0n) {
    sentences.push(
      `Shard ${peer} debited ${refunds} ${currency} more in refunds than shard ${shard} took.`,
    )
  }
  return sentences
}

/** Totals of all shards per currency. */
function addUp(statuses: readonly ShardStatus[], findings: string[]): AuditView['currencies'] {
  const all = new Map<string, [accounts: bigint, world: bigint, transit: bigint]>()
  for (const status of statuses) {
    for (const [currency, { sums: limbs }] of Object.entries(tallyOf(status)?.currencies ?? {})) {
      const [accounts, world, transit] = all.get(currency) ?? [0n, 0n, 0n]
      all.set(currency, [
        accounts + valueOf(limbs, sums.accounts),
        world + valueOf(limbs, sums.world),
        transit + valueOf(limbs, sums.transit),
      ])
    }
  }
  return [...all.keys()].sort().map((currency) => {
    const [accounts, world, transit] = all.get(currency) ?? [0n, 0n, 0n]
    const sum = accounts + world + transit
    if (sum !== 0n) findings.push(`${currency} adds up to ${sum} instead of zero.`)
    return {
      currency,
      accounts: Number(accounts),
      world: Number(world),
      transit: Number(transit),
      sum: Number(sum),
    }
  })
}

/** One direction of money between two shards: given by one, still to be taken by the other. */
interface Flow {
  readonly given: 'credited' | 'debited'
  readonly taken: 'posted' | 'refunded'
  readonly marks: 'creditedMarks' | 'debitedMarks'
}

const flows: readonly Flow[] = [
  { given: 'credited', taken: 'posted', marks: 'creditedMarks' },
  { given: 'debited', taken: 'refunded', marks: 'debitedMarks' },
]

function moneyInFlight(
  first: readonly ShardStatus[],
  second: readonly ShardStatus[],
  now: number,
  findings: string[],
): InFlight[] {
  const found = new Map<string, InFlight>()
  for (const giver of first) {
    for (const [currency, { pairs }] of Object.entries(tallyOf(giver)?.currencies ?? {})) {
      pairs.forEach((pair, peer) => {
        if (pair === null) return
        for (const flow of flows) {
          const takenAtFirst = taken(first, peer, giver.shard, currency, flow)
          const givenAtSecond = given(second, giver.shard, peer, currency, flow)
          if (takenAtFirst > givenAtSecond) {
            findings.push(
              `Shard ${peer} ${flow.taken} ${takenAtFirst} ${currency} for shard ${giver.shard}, which ${flow.given} only ${givenAtSecond}.`,
            )
          }
          const takenAtSecond = taken(second, peer, giver.shard, currency, flow)
          const amount = valueOf(pair.totals, totals[flow.given]) - takenAtSecond
          if (amount <= 0n) continue
          const payment = flow.given === 'credited'
          const from = payment ? peer : giver.shard
          const to = payment ? giver.shard : peer
          const age = ageOf(pair[flow.marks], takenAtSecond, now)
          add(found, { from, to, currency, amount: Number(amount), oldestMs: age })
        }
      })
    }
  }
  return [...found.values()]
}

function pairIn(
  statuses: readonly ShardStatus[],
  shard: number,
  peer: number,
  currency: string,
): PairTally | null | undefined {
  const status = statuses[shard]?.shard === shard ? statuses[shard] : undefined
  const found = status ?? statuses.find((one) => one.shard === shard)
  return found && tallyOf(found)?.currencies[currency]?.pairs[peer]
}

function given(
  statuses: readonly ShardStatus[],
  giver: number,
  taker: number,
  currency: string,
  flow: Flow,
): bigint {
  const pair = pairIn(statuses, giver, taker, currency)
  return pair ? valueOf(pair.totals, totals[flow.given]) : 0n
}

function taken(
  statuses: readonly ShardStatus[],
  taker: number,
  giver: number,
  currency: string,
  flow: Flow,
): bigint {
  const pair = pairIn(statuses, taker, giver, currency)
  return pair ? valueOf(pair.totals, totals[flow.taken]) : 0n
}

function add(found: Map<string, InFlight>, flight: InFlight): void {
  const key = `${flight.from} ${flight.to} ${flight.currency}`
  const other = found.get(key)
  found.set(
    key,
    other === undefined
      ? flight
      : {
          ...flight,
          amount: other.amount + flight.amount,
          oldestMs: Math.max(other.oldestMs, flight.oldestMs),
        },
  )
}

async function recountFindings(
  runtime: RuntimeClient,
  accounts: readonly Address[],
): Promise<string[]> {
  const answers = await Promise.all(
    accounts.map((address) => runtime.query(address, 'recount', { entries: entriesOfAudit })),
  )
  return answers.filter((answer): answer is string => typeof answer === 'string' && answer !== '')
}
