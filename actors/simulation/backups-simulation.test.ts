/** Backups of a node with several threads, taken back to back under load: each opens, and has all of one moment. */
import { expect, it } from 'vitest'
import { backupsPlan } from './backups-plan.js'
import { simulate } from './kit.js'
import { paymentOracles } from './judge.js'
import { paymentWorkload } from './workload.js'

it(
  'BK1, BK2: lanes that are cut at different moments would be found',
  { timeout: 120_000 },
  async () => {
    let made = 0
    for (const seed of [1, 4, 6]) {
      const run = await simulate({
        ...{
          seed,
          plan: backupsPlan,
          workload: paymentWorkload,
          oracles: [paymentOracles],
          short: true,
        },
      })
      expect([seed, run.violations]).toEqual([seed, []])
      made += run.sometimes['backup made'] ?? 0
    }
    expect(made).toBeGreaterThan(5)
  },
)
