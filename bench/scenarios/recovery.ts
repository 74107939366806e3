/** `recovery`: a node with many accounts and some traffic is killed; how long until a fresh one serves. */
import { rowOf } from '../harness/rounds.js'
import type { Measured } from '../harness/loops.js'
import { syncedDurability, type Outcome, type Plan, type Scenario } from '../harness/scenario.js'
import { shotsRow } from './single-row.js'
import { withSuanpan } from './suanpan.js'

async function run(plan: Plan): Promise<Outcome> {
  return withSuanpan(plan, async (suanpan) => {
    plan.say(`paying for ${plan.seconds} s`)
    const load = { pattern: {}, window: plan.window, seconds: plan.seconds }
    const before = await suanpan.process.order<Measured>('round', load)
    plan.say('killing it (SIGKILL)')
    const { recovery, integrity } = await suanpan.killAndCheck()
    const row = shotsRow('killed, recovered', 'ordinals', [recovery.openMs], recovery.ordinals)
    return {
      headline: row,
      rows: [rowOf('before the kill', 'payments', [before]), row],
      figures: [
        ['accounts and merchants', String(2 * plan.accounts)],
        ['until it serves', `${(recovery.openMs / 1000).toFixed(2)} s`],
        ['with the start of its process', `${(recovery.sinceStartMs / 1000).toFixed(2)} s`],
        ['turns recovered', String(recovery.ordinals)],
        ['torn tails dropped', String(recovery.tornTails)],
      ],
      data: { recoverySeconds: recovery.openMs / 1000, ...recovery },
      integrity,
      durability: syncedDurability,
      threads: suanpan.threads,
    }
  })
}

export const recovery: Scenario = {
  name: 'recovery',
  summary: 'a full node is killed: time until a fresh process serves',
  takes: ['duration', 'accounts', 'threads', 'shards', 'window'],
  defaults: { seconds: 10, rounds: 1, accounts: 1_000_000, window: 8_192 },
  run,
}
