/** `snapshot`: latency at a fixed rate, with snapshots of all shards written one after the other, and without. */
import { measureRows } from '../harness/rounds.js'
import { syncedDurability, type Outcome, type Plan, type Scenario } from '../harness/scenario.js'
import { withSuanpan } from './suanpan.js'

const rateDefault = 30_000

async function run(plan: Plan): Promise<Outcome> {
  return withSuanpan(plan, async (suanpan) => {
    const load = { pattern: {}, perSecond: plan.rate ?? rateDefault }
    const lanes = [
      suanpan.lane('no snapshots', load),
      suanpan.lane('snapshots all the time', { ...load, snapshots: true }),
    ]
    const rows = await measureRows(lanes, plan, 'payments')
    const { integrity } = await suanpan.closeAndCheck()
    const added = (of: 'p50' | 'p99' | 'p999'): number =>
      rows[1]!.latencyMs[of] - rows[0]!.latencyMs[of]
    return {
      headline: rows[1]!,
      rows,
      figures: [
        ['snapshots add to p50', `${added('p50').toFixed(2)} ms`],
        ['snapshots add to p99', `${added('p99').toFixed(2)} ms`],
      ],
      data: { addedMs: { p50: added('p50'), p99: added('p99'), p999: added('p999') } },
      integrity,
      durability: syncedDurability,
      threads: suanpan.threads,
    }
  })
}

export const snapshot: Scenario = {
  name: 'snapshot',
  summary: 'latency while snapshots are written beside latency without',
  takes: ['duration', 'rounds', 'rate', 'accounts', 'threads', 'shards'],
  defaults: { seconds: 8, rounds: 3, accounts: 100_000, window: 0 },
  run,
}
