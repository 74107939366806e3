import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe } from 'vitest'
import type { Nats } from '../../../transport/index.js'
import { connectNats } from '../../../transport/nats/index.js'
import { NatsServers } from '../../../transport/nats/testing/index.js'
import { nodeEnv } from '../../env/node-env.js'
import { journalContract } from '../journal.contract.js'
import { jetStreamUnderTest } from './testing/journal-under-test.js'
import { SimulatedWorld } from './testing/simulated-world.js'

describe('in simulation', () => {
  const world = new SimulatedWorld(5)
  beforeAll(() => world.start())
  afterAll(() => world.stop())
  const { process, nats } = world.process()
  journalContract('the journal on the simulated JetStream', () =>
    jetStreamUnderTest(process.env, () => Promise.resolve(nats), randomUUID(), 3),
  )
})

for (const servers of [1, 3] as const) {
  describe(`on ${servers} real server(s)`, () => {
    let cluster: NatsServers
    let nats: Nats
    beforeAll(async () => {
      cluster = await NatsServers.start({ servers })
      nats = await connectNats({ servers: cluster.addresses })
    })
    afterAll(async () => {
      await nats.close()
      await cluster.stop()
    })
    journalContract(`the journal on JetStream with ${servers} replica(s)`, () =>
      jetStreamUnderTest(nodeEnv(), () => Promise.resolve(nats), randomUUID(), servers),
    )
  })
}
