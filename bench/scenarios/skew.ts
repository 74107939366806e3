/** `skew`: the same load with ever hotter accounts, one hot merchant, one hot payer. */
import { beside, measureRows } from '../harness/rounds.js'
import { syncedDurability, type Outcome, type Plan, type Scenario } from '../harness/scenario.js'
import { percent, withSuanpan } from './suanpan.js'

const exponents = [0, 0.9, 1, 1.25, 1.5]

async function run(plan: Plan): Promise<Outcome> {
  const { window, skew } = plan
  return withSuanpan(plan, async (suanpan) => {
    const wanted = skew === undefined ? exponents : [0, skew]
    const lanes = wanted.map((exponent) =>
      suanpan.lane(exponent === 0 ? 'uniform' : `zipf ${exponent}`, {
        pattern: { exponent },
        window,
      }),
    )
    if (skew === undefined) {
      lanes.push(
        suanpan.lane('one hot merchant', { pattern: { hotMerchant: true }, window }),
        suanpan.lane('one hot payer', { pattern: {}, operation: 'campaign', window }),
      )
    }
    const share = await suanpan.shareAcross({})
    const rows = await measureRows(lanes, plan, 'payments')
    const { integrity } = await suanpan.closeAndCheck()
    const uniform = rows[0]!
    const compared = rows.map((row) => (row === uniform ? row : beside(row, uniform)))
    return {
      headline: uniform,
      rows: compared,
      figures: [['uniform pairs across shards', percent(share)]],
      data: {
        shareAcross: share,
        ratios: Object.fromEntries(compared.map((row) => [row.name, row.ratio?.value ?? 1])),
      },
      remarks: [
        'One hot payer: each is a transfer of two legs, the user’s part and the campaign’s, all or nothing; it is one payment here and two postings each side.',
      ],
      integrity,
      durability: syncedDurability,
      threads: suanpan.threads,
    }
  })
}

export const skew: Scenario = {
  name: 'skew',
  summary: 'zipf 0 to 1.5, one hot merchant, and one hot payer that funds a part of every payment',
  takes: ['duration', 'rounds', 'accounts', 'threads', 'shards', 'skew', 'window'],
  defaults: { seconds: 4, rounds: 3, accounts: 100_000, window: 8_192 },
  run,
}
