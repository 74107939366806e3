/** `latency`: open loop at rising rates, and the highest rate that holds p99 within 15 ms. */
import { invalidity } from '../harness/loops.js'
import { mergeLatencies } from '../harness/latencies.js'
import { measureRows, rowOf, type Lane, type Row } from '../harness/rounds.js'
import { syncedDurability, type Outcome, type Plan, type Scenario } from '../harness/scenario.js'
import { percent, withSuanpan, type Suanpan } from './suanpan.js'

const rates = [30_000, 60_000, 120_000, 200_000, 300_000]
const p99MsMax = 15
const searchStepsMax = 8
/** The search ends when what holds and what doesn't are this near. */
const searchPrecision = 0.05

async function run(plan: Plan): Promise<Outcome> {
  return withSuanpan(plan, async (suanpan) => {
    const pattern = plan.skew === undefined ? {} : { exponent: plan.skew }
    const share = await suanpan.shareAcross(pattern)
    const laneAt = (perSecond: number): Lane =>
      suanpan.lane(`${perSecond}/s`, { pattern, perSecond })
    const wanted = plan.rate === undefined ? rates : [plan.rate]
    const rows = await measureRows(wanted.map(laneAt), plan, 'payments')
    const highest = plan.rate === undefined ? await search(plan, laneAt, rows) : undefined
    const { integrity } = await suanpan.closeAndCheck()
    return outcomeOf(rows, highest, share, suanpan, integrity)
  })
}

function outcomeOf(
  rows: readonly Row[],
  highest: Row | undefined,
  share: number,
  suanpan: Suanpan,
  integrity: NonNullable<Outcome['integrity']>,
): Outcome {
  const all = highest === undefined ? rows : [...rows, highest]
  const held = highest?.offeredPerSecond ?? 0
  return {
    headline: rows.find(({ offeredPerSecond }) => offeredPerSecond === 120_000) ?? rows[0]!,
    rows: all,
    figures: [
      ...(highest === undefined
        ? []
        : ([[`highest rate with p99 ≤ ${p99MsMax} ms`, `${Math.round(held)}/s`]] as const)),
      ['pairs across shards', percent(share)],
    ],
    data: { shareAcross: share, ...(highest === undefined ? {} : { highestPerSecond: held }) },
    integrity,
    durability: syncedDurability,
    threads: suanpan.threads,
  }
}

/** Bisects between a rate that holds and one that doesn't. @returns the row of the highest that held */
async function search(
  plan: Plan,
  laneAt: (perSecond: number) => Lane,
  rows: readonly Row[],
): Promise<Row | undefined> {
  const holding = rows.filter((row) => row.valid && row.latencyMs.p99 <= p99MsMax)
  let low = Math.max(0, ...holding.map((row) => row.offeredPerSecond ?? 0))
  let best = holding.find((row) => row.offeredPerSecond === low)
  let high = Math.min(
    ...rows.map((row) => row.offeredPerSecond ?? 0).filter((perSecond) => perSecond > low),
  )
  if (!Number.isFinite(high)) high = low * 2
  for (let step = 0; step < searchStepsMax && high - low > high * searchPrecision; step++) {
    const perSecond = Math.round((low + high) / 2)
    plan.say(`searching: ${perSecond}/s`)
    const measured = await laneAt(perSecond).round(plan.seconds)
    const p99 = mergeLatencies([measured.latency]).percentile(99)
    if (invalidity(measured) === undefined && p99 <= p99MsMax) {
      low = perSecond
      best = rowOf(`highest: ${perSecond}/s`, 'payments', [measured])
    } else high = perSecond
  }
  return best === undefined ? undefined : { ...best, name: `highest: ${low}/s` }
}

export const latency: Scenario = {
  name: 'latency',
  summary: 'open loop at 30 to 300 thousand/s, and the highest rate that holds p99 ≤ 15 ms',
  takes: ['duration', 'rounds', 'rate', 'accounts', 'threads', 'shards', 'skew'],
  defaults: { seconds: 5, rounds: 3, accounts: 100_000, window: 0 },
  run,
}
