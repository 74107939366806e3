import { connectNats } from './connect.js'
import { natsContract, NatsServers } from './testing/index.js'

for (const servers of [1, 3] as const) {
  natsContract(`NATS on ${servers} server(s)`, async () => {
    const cluster = await NatsServers.start({ servers })
    const connect = () => connectNats({ servers: cluster.addresses })
    const [nats, other] = [await connect(), await connect()]
    return {
      nats,
      other,
      replicas: servers,
      settle: (promise) => promise,
      close: async () => {
        await Promise.all([nats.close(), other.close()])
        await cluster.stop()
      },
    }
  })
}
