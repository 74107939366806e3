/** `embedded`: what the runtime does at most, beside the hand-written program, in one run. */
import { join } from 'node:path'
import type { Integrity } from '../harness/integrity.js'
import type { Measured } from '../harness/loops.js'
import { MeasuredProcess, withProcess } from '../harness/measured-process.js'
import { beside, measureRows, type Lane } from '../harness/rounds.js'
import { syncedDurability, type Outcome, type Plan, type Scenario } from '../harness/scenario.js'
import { percent, withSuanpan } from './suanpan.js'

/** The hand-written program as a lane, and what it left on disk. */
async function withLimit<T>(
  plan: Plan,
  run: (lane: Lane) => Promise<T>,
): Promise<{ readonly value: T; readonly integrity: Integrity }> {
  const { accounts, window, skew } = plan
  const file = join(plan.folder, 'limit.records')
  const acknowledged = join(plan.folder, 'limit.acknowledged')
  const value = await withProcess(new MeasuredProcess('limit', 'programs/limit'), async (limit) => {
    await limit.order('open', { file, accounts })
    const pattern = skew === undefined ? {} : { exponent: skew }
    const result = await run({
      name: 'limit',
      round: (seconds) => limit.order<Measured>('round', { seconds, window, pattern }),
    })
    await limit.order('save', acknowledged)
    return result
  })
  const fresh = new MeasuredProcess('limit', 'programs/limit')
  const integrity = await withProcess(fresh, () =>
    fresh.order<Integrity>('check', { file, acknowledged }),
  )
  return { value, integrity }
}

async function runLimit(plan: Plan): Promise<Outcome> {
  const { value, integrity } = await withLimit(plan, (lane) =>
    measureRows([lane], plan, 'payments'),
  )
  return { headline: value[0]!, rows: value, integrity, durability: syncedDurability, threads: 0 }
}

async function runEmbedded(plan: Plan): Promise<Outcome> {
  return withSuanpan(plan, async (suanpan) => {
    const pattern = plan.skew === undefined ? {} : { exponent: plan.skew }
    const share = await suanpan.shareAcross(pattern)
    const lane = suanpan.lane('embedded', { pattern, window: plan.window })
    const { value: rows, integrity: limit } = await withLimit(plan, (other) =>
      measureRows([other, lane], plan, 'payments'),
    )
    const { integrity } = await suanpan.closeAndCheck()
    const headline = beside(rows[1]!, rows[0]!)
    return {
      headline,
      rows: [rows[0]!, headline],
      figures: [
        ['pairs across shards', percent(share)],
        ['limit on disk', `${limit.found} of ${limit.acknowledged} acknowledged`],
      ],
      data: { shareAcross: share, ratioToLimit: headline.ratio?.value, limit },
      integrity,
      durability: syncedDurability,
      threads: suanpan.threads,
    }
  })
}

const defaults = { seconds: 8, rounds: 3, accounts: 100_000, window: 8_192 }

export const limit: Scenario = {
  name: 'limit',
  summary: 'a hand-written program without actors, keys or recovery: the yardstick',
  takes: ['duration', 'rounds', 'accounts', 'skew', 'window'],
  defaults,
  run: runLimit,
}

export const embedded: Scenario = {
  name: 'embedded',
  summary: 'closed loop through the public API beside the yardstick, in one run',
  takes: ['duration', 'rounds', 'accounts', 'threads', 'shards', 'skew', 'window'],
  defaults,
  run: runEmbedded,
}
