/** Backups of a node with several threads, taken back to back under load: each opens, and has all of one moment. */
import { expect, it } from 'vitest'
import { simulate } from './kit.js'
import { paymentOracles } from './judge.js'
import { paymentWorkload } from './workload.js'

const never = Infinity
const faults = {
  ...{ kill: never, powerLoss: never, pause: never, takeOver: never, clockJump: never },
  ...{ partition: never, slowDisk: never, diskFull: never, syncError: never, cleanRestart: never },
  ...{ crashInRecovery: 0, clockSkewMs: 0 },
}
const plan = {
  ...{ threads: 3, shards: 6, nearCalls: false, mailboxMessages: 1024, faults, backupMs: 15 },
  ...{ clients: 8, operations: 500, thinkMs: 1, diskLatencyMs: 0.1, networkLatencyMs: 0.1 },
  ...{ shortWrites: 0, loss: 0, answerLoss: 0, killAtWrite: 0, powerLossAtWrite: 0 },
}

it(
  'BK1, BK2: lanes that are cut at different moments would be found',
  { timeout: 120_000 },
  async () => {
    let made = 0
    for (const seed of [1, 4, 6]) {
      const run = await simulate({
        ...{ seed, plan, workload: paymentWorkload, oracles: [paymentOracles], short: true },
      })
      expect([seed, run.violations]).toEqual([seed, []])
      made += run.sometimes['backup made'] ?? 0
    }
    expect(made).toBeGreaterThan(5)
  },
)
