import { connect } from '@nats-io/transport-node'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connectNats } from './connect.js'
import type { NatsOptions } from './options.js'
import type { KeyBucket, KeyChange, Nats, StreamLog } from './port.js'
import { LinkProxy, NatsServers, until } from './testing/index.js'

const bytes = (text: string): Buffer => Buffer.from(text)
const settings = { replicas: 1 }

let servers: NatsServers
let proxy: LinkProxy
let nats: Nats
let direct: Nats
let log: StreamLog
let keys: KeyBucket

const through = (more: Partial<NatsOptions> = {}): Promise<Nats> =>
  connectNats({ servers: [proxy.address], onlyTheseServers: true, requestTimeoutMs: 500, ...more })

beforeEach(async () => {
  servers = await NatsServers.start()
  proxy = await LinkProxy.open(servers.ports[0]!)
  nats = await through()
  direct = await connectNats({ servers: servers.addresses })
  log = await nats.stream('S', settings)
  keys = await nats.bucket('B', settings)
})
afterEach(async () => {
  await nats.close()
  await direct.close()
  await proxy.close()
  await servers.stop()
})

const back = (): Promise<void> => until('the connection', () => nats.connected)

describe('C2: a connection that breaks', () => {
  it('fails what is in flight at once, and sends nothing until it is back', async () => {
    const other = await through({ requestTimeoutMs: 600_000 })
    const slow = await other.stream('S', settings)
    const changes: boolean[] = []
    other.onConnection((connected) => changes.push(connected))
    proxy.stall('toClient')
    const append = slow.append(bytes('a'), 0)
    await until('the append to arrive', async () => (await at(1)) === 'a')
    proxy.cut()
    expect(await append).toMatchObject({ outcome: 'unknown' })
    expect(other.connected).toBe(false)
    expect(await slow.append(bytes('b'), 1)).toMatchObject({ outcome: 'unknown' })
    await expect(slow.bounds()).rejects.toMatchObject({ code: 'nats_unreachable' })
    other.bus.publish('lost', bytes('x'))
    proxy.mend()
    await until('the connection', () => other.connected)
    expect(changes).toEqual([false, true])
    expect(await slow.append(bytes('b'), 1)).toEqual({ outcome: 'appended', sequence: 2 })
    await other.close()
  })

  it('C20: says why it stays down, and when that is over', async () => {
    const said: string[] = []
    const other = await through({ onProblem: (sentence) => said.push(sentence) })
    proxy.cut()
    await until('the reason', () => said.length > 0)
    proxy.mend()
    await until('the connection', () => other.connected)
    expect(said).toEqual([
      expect.stringContaining('The connection stays down. NATS ') as string,
      'NATS is reached again.',
    ])
    await other.close()
  })

  it('C20: what the servers say while it is down is told once, and what may be the matter', async () => {
    const full = await NatsServers.start({ config: 'max_connections: 1' })
    const said: string[] = []
    const link = await LinkProxy.open(full.ports[0]!)
    const only = { onlyTheseServers: true, onProblem: (sentence: string) => said.push(sentence) }
    const one = await connectNats({ servers: [link.address], ...only })
    link.cut()
    const other = await connectNats({ servers: full.addresses, onlyTheseServers: true })
    link.mend()
    const saysWhy = (sentence: string): boolean => sentence.includes('(max_connections)')
    await until('the reason', () => said.some(saysWhy))
    expect(said.filter((sentence) => sentence.startsWith('NATS says'))).toHaveLength(1)
    await other.close()
    await until('the connection', () => one.connected)
    for (const each of [one, link]) await each.close()
    await full.stop()
  })

  it('a silent link leaves an append unknown; what it sent arrives when it speaks again', async () => {
    proxy.stall('toServer')
    expect(await log.append(bytes('late'), 0)).toMatchObject({ outcome: 'unknown' })
    expect(await at(1)).toBeUndefined()
    proxy.mend()
    await until('the late append', async () => (await at(1)) === 'late')
    expect(await log.append(bytes('again'), 0)).toEqual({ outcome: 'conflict' })
    expect(await log.append(bytes('on'), 1)).toMatchObject({ outcome: 'appended' })
  })

  it('a link that stays silent is given up after two pings', async () => {
    const other = await through({ pingMs: 100 })
    proxy.stall()
    await until('the loss to be noticed', () => !other.connected)
    proxy.cut()
    proxy.mend()
    await until('the connection', () => other.connected)
    await other.close()
  })

  it('ends a long read where it is, without a gap, and it can go on from there', async () => {
    const count = 1_500
    for (let i = 0; i < count; i++) await log.append(bytes(String(i)), i)
    const read: string[] = []
    const take = (sequence: number, body: Uint8Array): void => {
      expect(sequence).toBe(read.length + 1)
      read.push(Buffer.from(body).toString())
      if (sequence === 700) proxy.cut()
    }
    await expect(log.read(1, count, take)).rejects.toMatchObject({ code: 'nats_unreachable' })
    expect(read.length).toBeGreaterThanOrEqual(700)
    proxy.mend()
    await back()
    await log.read(read.length + 1, count, take)
    expect(read).toEqual(Array.from({ length: count }, (_, i) => String(i)))
  })

  it('is slow when the link is slow, and nothing else', async () => {
    proxy.delayMs = 50
    expect(await log.append(bytes('a'), 0)).toMatchObject({ outcome: 'appended' })
  })
})

describe('a server that dies and comes back', () => {
  it('has all that it acknowledged', async () => {
    for (let i = 0; i < 20; i++) await log.append(bytes(`${i}`), i)
    await servers.kill(0)
    expect(await log.append(bytes('lost'), 20)).toMatchObject({ outcome: 'unknown' })
    await until('the loss to be noticed', () => !nats.connected)
    servers.restart(0)
    await servers.healthy()
    await back()
    expect(await log.bounds()).toEqual({ first: 1, last: 20 })
    expect(await log.append(bytes('on'), 20)).toMatchObject({ outcome: 'appended' })
  })

  it('C10: a watch goes on with what was missed, and tells nothing twice', async () => {
    const told: string[] = []
    const stop = keys.watch('', ({ key, value, revision }: KeyChange) =>
      told.push(`${revision} ${key} ${Buffer.from(value ?? '').toString()}`),
    )
    const writer = await direct.bucket('B', settings)
    let revision = 0
    const put = async (value: string): Promise<void> => {
      const done = await writer.put('k', bytes(value), revision)
      if (done.outcome !== 'appended') throw new Error(`the put is a ${done.outcome}`)
      revision = done.sequence
    }
    await put('a')
    await until('the first change', () => told.length === 1)
    proxy.cut()
    await until('the loss to be noticed', () => !nats.connected)
    for (const value of ['b', 'c', 'd']) await put(value)
    proxy.mend()
    await until('what was missed', () => told.length === 4)
    await servers.kill(0)
    servers.restart(0)
    await servers.healthy()
    await until('both connections', () => nats.connected && direct.connected)
    await put('e')
    await until('the change after the restart', () => told.length >= 5)
    expect(told).toEqual(['1 k a', '2 k b', '3 k c', '4 k d', '5 k e'])
    stop()
  })
})

describe('C18: what the bus can not send', () => {
  it('is dropped and told of once, with how large it may be, and nothing else is', async () => {
    const small = await NatsServers.start({ maxPayloadBytes: 64 * 1024 })
    const said: string[] = []
    const node = await connectNats({
      servers: small.addresses,
      onProblem: (sentence) => said.push(sentence),
    })
    const heard: number[] = []
    node.bus.subscribe('sp.batch', ({ bytes: batch }) => heard.push(batch.length))
    node.bus.subscribe('sp.large', ({ respond }) => respond(Buffer.alloc(128 * 1024)))
    for (const length of [128 * 1024, 1, 128 * 1024, 2]) {
      node.bus.publish('sp.batch', Buffer.alloc(length))
    }
    await until('what was small enough', () => heard.length === 2)
    expect(heard).toEqual([1, 2])
    const asked = node.bus.request('sp.large', bytes('?'), 200)
    await expect(asked).rejects.toMatchObject({ code: 'nats_unreachable' })
    const large = node.bus.request('sp.batch', Buffer.alloc(128 * 1024), 200)
    await expect(large).rejects.toMatchObject({ code: 'nats_unreachable' })
    expect(said).toEqual([
      expect.stringMatching(/131072 bytes .* accept \(65536\); raise max_payload/) as string,
    ])
    await node.close()
    await small.stop()
  })
})

describe('C17: answers go to inboxes only', () => {
  it('a question that wants its answer in a journal or a key is dropped, and told of once', async () => {
    const said: string[] = []
    const node = await through({ onProblem: (sentence) => said.push(sentence) })
    const heard: string[] = []
    node.bus.subscribe('sp.status', ({ bytes: question, respond }) => {
      heard.push(Buffer.from(question).toString())
      respond(bytes('all is well'))
    })
    const asks = (): Promise<Uint8Array> => direct.bus.request('sp.status', bytes('ask'), 1_000)
    await until('the node to listen', () => asks().then(Boolean, () => false))
    const client = await connect({ servers: servers.addresses })
    const before = await log.bounds()
    for (const reply of ['S', '$KV.B.forged', '$JS.API.STREAM.PURGE.S', 'INBOX.S', '_INBOX']) {
      client.publish('sp.status', 'forged', { reply })
    }
    // Without anywhere to answer it is a message, not a question.
    client.publish('sp.status', 'message')
    await client.flush()
    await until('what came after them', () => heard.includes('message'))
    expect(Buffer.from(await asks()).toString()).toBe('all is well')
    expect(heard).not.toContain('forged')
    expect(await log.bounds()).toEqual(before)
    expect(await keys.get('forged')).toBeUndefined()
    expect(said).toEqual([
      expect.stringContaining('wants its answer at "S", which is no inbox') as string,
    ])
    await client.close()
    await node.close()
  })
})

describe('what is wrong is said in a sentence', () => {
  it('nobody there', async () => {
    proxy.cut()
    await expect(through()).rejects.toMatchObject({ code: 'nats_unreachable' })
  })

  it.each([
    [{ servers: [] }, 'at least one'],
    [{ credentialsFile: '/nowhere/x.creds' }, 'The credentials file /nowhere/x.creds'],
    [{ nkeySeedFile: '/nowhere/x.nk' }, 'The nkey seed file /nowhere/x.nk'],
    [{ tls: { caFile: '/nowhere/ca.pem' } }, 'The TLS authority file /nowhere/ca.pem'],
    [{ tls: { certFile: '/nowhere/ca.pem' } }, 'go together'],
    [{ user: 'a', token: 'b' }, 'in one way'],
    [{ inboxPrefix: 'SHARD.pay' }, 'begins with _INBOX'],
    [{ inboxPrefix: '_INBOX.>' }, 'begins with _INBOX'],
  ])('options %j', async (options, words) => {
    const connecting = through(options)
    await expect(connecting).rejects.toMatchObject({ code: 'nats_options' })
    await expect(connecting).rejects.toThrow(words)
  })

  it('a message that is too large', async () => {
    const large = log.append(Buffer.alloc(1024 * 1024), 0)
    await expect(large).rejects.toMatchObject({ code: 'nats_payload' })
  })

  it('C6: a stream that forgets by itself, and replicas that can not be had', async () => {
    const config = { name: 'OLD', subjects: ['OLD'], max_age: 60_000_000_000, discard: 'new' }
    const made = bytes(JSON.stringify(config))
    await direct.bus.request('$JS.API.STREAM.CREATE.OLD', made, 2_000)
    const old = nats.stream('OLD', settings)
    await expect(old).rejects.toMatchObject({ code: 'nats_settings' })
    await expect(old).rejects.toThrow('max_age')
    const many = nats.stream('MANY', { replicas: 3 })
    await expect(many).rejects.toMatchObject({ code: 'nats_settings' })
  })

  it('C16: a bucket of an older release, one message of which may take all others away', async () => {
    const ask = async (what: string, config: object): Promise<{ config: object }> => {
      const subject = `$JS.API.STREAM.${what}.KV_OLD`
      const answer = await direct.bus.request(subject, bytes(JSON.stringify(config)), 2_000)
      return JSON.parse(Buffer.from(answer).toString()) as { config: object }
    }
    const said: string[] = []
    const telling = await through({ onProblem: (sentence) => said.push(sentence) })
    await telling.bucket('OLD', settings)
    expect(said).toEqual([])
    const { config } = await ask('INFO', {})
    await ask('UPDATE', { ...config, allow_rollup_hdrs: true })
    await telling.bucket('OLD', settings)
    expect(said).toEqual([
      expect.stringContaining('nats stream edit KV_OLD --no-allow-rollup') as string,
    ])
    // What it says to do can be done.
    await ask('UPDATE', { ...config, allow_rollup_hdrs: false })
    await telling.bucket('OLD', settings)
    expect(said).toHaveLength(1)
    await telling.close()
  })

  it('how the servers sync, when their monitoring may be asked', async () => {
    expect((await nats.facts()).syncAlways).toBeUndefined()
    const asking = await through({ monitoring: servers.monitoring })
    expect((await asking.facts()).syncAlways).toBe(true)
    await asking.close()
  })
})

async function at(sequence: number): Promise<string | undefined> {
  const other = await direct.stream('S', settings)
  const found = await other.at(sequence)
  return found === undefined ? undefined : Buffer.from(found).toString()
}
