/**
 * `smallbank`: the two-account and four-account transfer of the papers on actor transactions
 * (MultiTransfer of Orleans Transactions and Snapper), logging on, 64 at work.
 */
import { measureRows } from '../harness/rounds.js'
import { syncedDurability, type Outcome, type Plan, type Scenario } from '../harness/scenario.js'
import { withSuanpan } from './suanpan.js'

const exponents = [0, 0.9, 1, 1.25, 1.5]

async function run(plan: Plan): Promise<Outcome> {
  const { window, skew } = plan
  return withSuanpan(plan, async (suanpan) => {
    const wanted = skew === undefined ? exponents : [skew]
    const lanes = (['pay', 'fanOut'] as const).flatMap((operation) =>
      wanted.map((exponent) => {
        const size = operation === 'pay' ? 2 : 4
        const name = `${size} accounts, ${exponent === 0 ? 'uniform' : `zipf ${exponent}`}`
        const pattern = { exponent, betweenAccounts: true }
        return suanpan.lane(name, { pattern, operation, window })
      }),
    )
    const rows = await measureRows(lanes, plan, 'transfers')
    const { integrity } = await suanpan.closeAndCheck()
    return {
      headline: rows[0]!,
      rows,
      integrity,
      remarks: [
        'The papers ran on other machines with more cores; their figures are per core at best comparable.',
      ],
      durability: syncedDurability,
      threads: suanpan.threads,
    }
  })
}

export const smallbank: Scenario = {
  name: 'smallbank',
  summary: 'the 2-account and 4-account transfers of the actor-transaction papers, 64 at work',
  takes: ['duration', 'rounds', 'accounts', 'threads', 'shards', 'skew', 'window'],
  defaults: { seconds: 3, rounds: 3, accounts: 10_000, window: 64 },
  run,
}
