import { headers, type Msg } from '@nats-io/transport-node'
import { expect, it, vi } from 'vitest'
import type { Connection } from './connection.js'
import type { JetStreamApi } from './jetstream-api.js'
import { KeyWatch } from './key-watch.js'
import { NatsRefused, NatsUnreachable } from './port.js'

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

/** A connection whose requests fail for a reason, until there is none. */
class Failing {
  readonly problems: string[] = []
  /** Consumers that were asked for, and looks. */
  tries = 0
  looks = 0
  why: Error | undefined
  deliver: (message: Msg) => void = () => undefined
  readonly api = {
    connection: {
      connected: true,
      inbox: () => 'inbox',
      onConnection: () => () => undefined,
      problem: (sentence: string) => void this.problems.push(sentence),
      client: {
        isClosed: () => false,
        subscribe: (_: string, { callback }: { callback: (e: null, m: Msg) => void }) => {
          this.deliver = (message) => callback(null, message)
          return { unsubscribe: () => undefined }
        },
      },
    },
    ask: () => {
      this.tries++
      return this.why === undefined ? Promise.resolve() : Promise.reject(this.why)
    },
    message: () => {
      this.looks++
      return this.why === undefined ? Promise.resolve(undefined) : Promise.reject(this.why)
    },
  } as unknown as JetStreamApi
}

it.each([
  ['makes consumers', new NatsUnreachable('no leader')],
  ['may make none', new NatsRefused('nats_permission', 'You may not.')],
])(
  'C21: a watch that %s tells what hinders it less and less often, and its end',
  async (_, why) => {
    vi.useFakeTimers()
    try {
      const nats = new Failing()
      nats.why = why
      const watch = new KeyWatch(nats.api, {
        stream: 'S',
        filter: '$KV.S.>',
        onMessage: () => undefined,
      })
      await vi.advanceTimersByTimeAsync(120_000)
      expect(nats.problems[0]).toContain(`The watch of $KV.S.> `)
      expect(nats.problems[0]).toContain(why.message)
      expect(nats.problems.at(-1)).toMatch(/\(After \d+ s, \d+ times\.\)$/)
      expect(nats.problems.length).toBeLessThan(9)
      nats.why = undefined
      await vi.advanceTimersByTimeAsync(5_000)
      const heartbeat = headers(100, 'Idle Heartbeat')
      nats.deliver({ headers: heartbeat, reply: '' } as Msg)
      expect(nats.problems.at(-1)).toMatch(
        /^The watch of \$KV\.S\.> goes on\. \(After 1\d\d s\.\)$/,
      )
      watch.stop()
    } finally {
      vi.useRealTimers()
    }
  },
)

it('C22: who may make no consumer tries less and less often, and reads no more when it may again', async () => {
  vi.useFakeTimers()
  try {
    const nats = new Failing()
    nats.why = new NatsRefused('nats_permission', 'You may not.')
    const options = { stream: 'S', filter: '$KV.S.>', onMessage: () => undefined }
    const watch = new KeyWatch(nats.api, options)
    await vi.advanceTimersByTimeAsync(600_000)
    expect(nats.tries).toBeGreaterThan(8)
    expect(nats.tries).toBeLessThan(18)
    expect(nats.looks).toBeGreaterThan(600)
    nats.why = undefined
    await vi.advanceTimersByTimeAsync(60_000)
    const { looks } = nats
    const heart = setInterval(() => {
      nats.deliver({ headers: headers(100, 'Idle Heartbeat'), reply: '' } as Msg)
    }, 1_000)
    const { tries } = nats
    await vi.advanceTimersByTimeAsync(60_000)
    expect(nats.looks).toBe(looks)
    expect(nats.tries).toBe(tries)
    clearInterval(heart)
    watch.stop()
    nats.why = new NatsRefused('nats_permission', 'You may not.')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(nats.looks).toBe(looks)
    expect(nats.tries).toBe(tries)
  } finally {
    vi.useRealTimers()
  }
})
