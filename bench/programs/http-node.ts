/** A measured process: a node with the HTTP API, as `suanpan start` runs it. */
import { createRuntime, type Runtime } from '../../runtime/index.js'
import { payments } from '../../actors/index.js'
import { createGateway, runtimeOps, type Gateway } from '../../transport/gateway/index.js'
import { startMeter, type MeterReading } from '../harness/meter.js'
import { serveOrders } from '../harness/program.js'
import { openParties } from './open-parties.js'
import { Parties } from './parties.js'
import type { PaymentsSetup } from './payments.js'

let runtime: Runtime | undefined
let gateway: Gateway | undefined
let stop: (() => MeterReading) | undefined

serveOrders({
  async open(setup: PaymentsSetup): Promise<{ url: string; threads: number }> {
    runtime = await createRuntime({
      dataDir: setup.dataDir,
      actors: payments.actors,
      shards: setup.shards,
      ...(setup.threads === undefined ? {} : { threads: setup.threads }),
    })
    const bank = payments.client(runtime)
    await openParties(bank, new Parties(setup.accounts))
    gateway = createGateway({ bank, ops: runtimeOps(runtime), port: 0 })
    return { url: await gateway.listen(), threads: runtime.threads }
  },
  startMeter(): void {
    stop = startMeter()
  },
  stopMeter: () => stop!(),
  async close(): Promise<void> {
    await gateway!.close()
    await runtime!.close()
  },
})
