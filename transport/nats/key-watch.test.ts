import { expect, it } from 'vitest'
import type { Connection } from './connection.js'
import type { JetStreamApi } from './jetstream-api.js'
import { KeyWatch } from './key-watch.js'

it('C11: a watch that was stopped is told of no connection any more', () => {
  const listeners = new Set<(connected: boolean) => void>()
  const connection: Pick<Connection, 'connected' | 'onConnection'> & { client: object } = {
    connected: false,
    client: { isClosed: () => false },
    onConnection: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  const api = { connection } as unknown as JetStreamApi
  for (let i = 0; i < 3; i++) {
    const watch = new KeyWatch(api, { stream: 'S', filter: '$KV.S.>', onMessage: () => undefined })
    expect(listeners.size).toBe(1)
    watch.stop()
    expect(listeners.size).toBe(0)
  }
})
