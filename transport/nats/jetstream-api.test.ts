import { expect, it } from 'vitest'
import { NobodyListens, type Connection } from './connection.js'
import { JetStreamApi } from './jetstream-api.js'

/** A connection to a server that has no JetStream itself. */
function connectionOf(answers: ('yes' | 'nobody')[]): Connection {
  const connection = {
    client: { info: { jetstream: false } },
    requestTimeoutMs: 100,
    request: () =>
      answers.shift() === 'yes'
        ? Promise.resolve({ json: () => ({ config: {} }) })
        : Promise.reject(new NobodyListens('nobody answers')),
  }
  return connection as unknown as Connection
}

it('C4: a server without JetStream may reach others that have it: who answered once is only away', async () => {
  const api = new JetStreamApi(connectionOf(['yes', 'nobody']))
  await api.streamInfo('S')
  await expect(api.streamInfo('S')).rejects.toMatchObject({ code: 'nats_unreachable' })
})

it('C4: a server without JetStream at which nobody has ever answered has none', async () => {
  const api = new JetStreamApi(connectionOf(['nobody']))
  await expect(api.streamInfo('S')).rejects.toMatchObject({ code: 'nats_no_jetstream' })
})
