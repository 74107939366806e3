/** A measured process that does nothing but hold accounts, so that they can be weighed. */
import { createRuntime, type Runtime } from '../../runtime/index.js'
import { payments } from '../../actors/index.js'
import { serveOrders } from '../harness/program.js'
import { inWindow } from './open-parties.js'
import { currency } from './parties.js'

let runtime: Runtime | undefined

serveOrders({
  async open({ dataDir, threads }: { dataDir: string; threads?: number }): Promise<number> {
    runtime = await createRuntime({
      dataDir,
      actors: payments.actors,
      ...(threads === undefined ? {} : { threads }),
    })
    return runtime.threads
  },
  async fill(accounts: number): Promise<void> {
    const bank = payments.client(runtime!)
    await inWindow(accounts, (i) => bank.openAccount({ id: `a${i}`, currency }))
    await runtime!.snapshot()
  },
  count: async () =>
    (await runtime!.shardStatus({ tallies: false })).reduce(
      (sum, one) => sum + one.actors + one.storedActors,
      0,
    ),
  /** Bytes this process has resident, after its garbage is gone. */
  async weigh(): Promise<number> {
    globalThis.gc?.()
    // Worker threads have heaps of their own; a round trip lets what they hold for us go.
    await runtime!.shardStatus({ tallies: false })
    return process.memoryUsage.rss()
  },
  close: () => runtime!.close(),
})
