/**
 * A fresh process that recovers what a run left on disk and compares it with what was acknowledged.
 */
import { performance } from 'node:perf_hooks'
import { createRuntime, type Runtime } from '../../runtime/index.js'
import { payments } from '../../actors/index.js'
import type { RecoveryFigures } from '../harness/integrity.js'
import { serveOrders } from '../harness/program.js'
import { checkBank } from './check-bank.js'

export interface RecoverSetup {
  readonly dataDir: string
  readonly threads?: number
}

export interface CheckInput {
  readonly accounts: number
  readonly acknowledged: string
}

let runtime: Runtime | undefined

/** Opens the folder as any start does. */
async function open({ dataDir, threads }: RecoverSetup): Promise<RecoveryFigures> {
  const startedAt = performance.now()
  runtime = await createRuntime({
    dataDir,
    actors: payments.actors,
    ...(threads === undefined ? {} : { threads }),
  })
  const serving = await runtime.ready()
  const openMs = performance.now() - startedAt
  const shards = await runtime.shardStatus({ tallies: false })
  return {
    serving,
    openMs,
    sinceStartMs: performance.now(),
    ordinals: shards.reduce((sum, { ordinal }) => sum + ordinal, 0),
    clean: runtime.recovery.clean,
    tornTails: runtime.recovery.tornTails.length,
    rssBytes: process.memoryUsage.rss(),
  }
}

serveOrders({
  open,
  check: ({ accounts, acknowledged }: CheckInput) =>
    checkBank(payments.client(runtime!), accounts, [acknowledged]),
  memory: () => {
    globalThis.gc?.()
    return process.memoryUsage()
  },
  close: () => runtime!.close(),
})
