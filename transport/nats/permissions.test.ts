import { fileURLToPath } from 'node:url'
import { connect, headers, type NatsConnection } from '@nats-io/transport-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectNats } from './connect.js'
import {
  inboxPrefixOf,
  natsRoles,
  permissionsOf,
  serverConfiguration,
  type NatsRole,
} from './permissions.js'
import type { KeyBucket, KeyChange, Nats, StreamLog } from './port.js'
import { appendKnown, NatsServers, until } from './testing/index.js'

const bytes = (text: string): Buffer => Buffer.from(text)

const shipped = fileURLToPath(new URL('../../cluster/nats/nats-server.conf', import.meta.url))

it('the shipped configuration is what the permissions say', async () => {
  await expect(serverConfiguration('payments')).toMatchFileSnapshot(shipped)
})

describe('on real servers that run the shipped configuration as it is', () => {
  let servers: NatsServers
  const nats = {} as Record<NatsRole, Nats>
  const problems: string[] = []
  let journal: StreamLog
  let keys: KeyBucket

  beforeAll(async () => {
    const passwords = Object.fromEntries(
      [
        ...['NODE', 'OPERATOR', 'OBSERVER', 'ADMIN'].map((who) => `SUANPAN_${who}`),
        'NATS_ROUTE',
      ].map((who) => [`${who}_PASSWORD`, `pw-${who}`]),
    )
    servers = await NatsServers.start({ servers: 3, shipped: { file: shipped, passwords } })
    for (const role of natsRoles) {
      nats[role] = await connectNats({
        servers: servers.addresses,
        user: role,
        password: `pw-SUANPAN_${role.toUpperCase()}`,
        inboxPrefix: inboxPrefixOf(role),
        onProblem: (sentence) => problems.push(sentence),
      })
    }
    await until('a leader of the servers', async () => {
      try {
        journal = await nats.node.stream('SHARD_payments_0', { replicas: 3 })
        return true
      } catch (error) {
        if ((error as { code?: string }).code !== 'nats_unreachable') throw error
        return false
      }
    })
    keys = await nats.node.bucket('suanpan_payments', { replicas: 3 })
    await appendKnown(journal, bytes('frame'), 0)
  })
  afterAll(async () => {
    for (const each of Object.values(nats)) await each.close()
    await servers.stop()
  })

  /** A client that may ask in ways of its own. */
  const rawly = (role: NatsRole): Promise<NatsConnection> =>
    connect({
      servers: servers.addresses,
      user: role,
      pass: `pw-SUANPAN_${role.toUpperCase()}`,
      inboxPrefix: inboxPrefixOf(role),
    })

  it('a node does its work', async () => {
    expect(await appendKnown(journal, bytes('next'), 1)).toEqual({
      outcome: 'appended',
      sequence: 2,
    })
    const read: string[] = []
    await journal.read(1, 2, (_, body) => read.push(Buffer.from(body).toString()))
    expect(read).toEqual(['frame', 'next'])
    const snapshots = await nats.node.stream('SNAP_payments_0', { replicas: 3 })
    expect((await appendKnown(snapshots, bytes('head'), 0)).outcome).toBe('appended')
    await snapshots.purge(1)
    // As who founds a cluster does.
    expect(await nats.node.streamNames('SHARD_payments_')).toContain('SHARD_payments_0')
    expect(await nats.node.streamNames('SHARD_paid_')).toEqual([])
    expect((await keys.put('map', bytes('1'), 0)).outcome).toBe('appended')
    const told: KeyChange[] = []
    const stop = keys.watch('', (change) => told.push(change))
    await until('a change to be told', () => told.length > 0)
    stop()
    const end = nats.node.bus.subscribe('sp.payments.node.a.calls', ({ respond }) =>
      respond(bytes('done')),
    )
    const answer = await nats.node.bus.request('sp.payments.node.a.calls', bytes('x'), 2_000)
    expect(Buffer.from(answer).toString()).toBe('done')
    end()
  })

  it.each(['operator', 'observer'] as const)(
    'an %s reads the keys, and can neither append to a journal nor cut it',
    async (role) => {
      const log = await nats[role].stream('SHARD_payments_0', { replicas: 3 })
      const before = await journal.bounds()
      await expect(log.append(bytes('forged'), before.last)).rejects.toMatchObject({
        code: 'nats_permission',
      })
      await expect(log.purge(1)).rejects.toMatchObject({ code: 'nats_permission' })
      const foreign = nats[role].stream('SHARD_payments_9', { replicas: 3 })
      await expect(foreign).rejects.toMatchObject({ code: 'nats_permission' })
      expect(await journal.bounds()).toEqual(before)
      const bucket = await nats[role].bucket('suanpan_payments', { replicas: 3 })
      expect(await bucket.get('map')).toBeDefined()
      // S3: without a consumer of its own, by reading.
      const told: KeyChange[] = []
      const stop = bucket.watch('', (change) => told.push(change))
      await until('the newest of each key', () => told.length > 0)
      const keysTold = told.map(({ key }) => key)
      expect(new Set(keysTold).size).toBe(keysTold.length)
      expect((await keys.put(`nodes.${role}`, bytes('1'), 0)).outcome).toBe('appended')
      await until('a change', () => told.some(({ key }) => key === `nodes.${role}`))
      const revision = told.at(-1)!.revision
      expect((await keys.remove(`nodes.${role}`, revision)).outcome).toBe('appended')
      await until('a removal', () => told.at(-1)!.value === undefined)
      expect(told.map((change) => change.revision)).toEqual(
        told.map((change) => change.revision).toSorted((x, y) => x - y),
      )
      stop()
      for (const key of ['map', 'nodes.x', 'coordinator']) {
        await expect(bucket.put(key, bytes('forged'), 0)).rejects.toMatchObject({
          code: 'nats_permission',
        })
      }
    },
  )

  it('an operator asks nodes and reads journals; an observer does neither', async () => {
    const log = await nats.observer.stream('SHARD_payments_0', { replicas: 3 })
    await expect(log.at(1)).rejects.toMatchObject({ code: 'nats_permission' })
    const long = await nats.node.stream('SHARD_payments_1', { replicas: 3 })
    for (let i = 0; i < 100; i++) {
      const appended = await appendKnown(long, bytes(String(i)), i)
      expect(appended.outcome).toBe('appended')
    }
    const read: string[] = []
    // An operator may make no consumer, so the bulk is read one by one (C12).
    const ofLong = await nats.operator.stream('SHARD_payments_1', { replicas: 3 })
    await ofLong.read(1, 100, (_, body) => read.push(Buffer.from(body).toString()))
    expect(read).toEqual(Array.from({ length: 100 }, (_, i) => String(i)))
    const end = nats.node.bus.subscribe('sp.payments.node.b.calls', ({ respond }) =>
      respond(bytes('ok')),
    )
    let answer: Uint8Array | undefined
    await until('the node to listen', async () => {
      answer = await nats.operator.bus
        .request('sp.payments.node.b.calls', bytes('drain'), 1_000)
        .catch(() => undefined)
      return answer !== undefined
    })
    expect(Buffer.from(answer!).toString()).toBe('ok')
    await expect(
      nats.observer.bus.request('sp.payments.node.b.calls', bytes('drain'), 1_000),
    ).rejects.toMatchObject({ code: 'nats_permission' })
    end()
  })

  it('S5: neither an operator nor an observer writes any key, whatever it expects', async () => {
    expect((await keys.put('config.limits', bytes('1'), 0)).outcome).toBe('appended')
    const kept = await keys.get('config.limits')
    for (const role of ['operator', 'observer'] as const) {
      const bucket = await nats[role].bucket('suanpan_payments', { replicas: 3 })
      for (const key of ['config.limits', 'config.other']) {
        await expect(bucket.put(key, bytes('1'), 0)).rejects.toMatchObject({
          code: 'nats_permission',
        })
      }
      const client = await rawly(role)
      const expecting = headers()
      // Stored by whoever may, this would freeze the bucket for good.
      expecting.set('Nats-Expected-Last-Msg-Id', 'none')
      client.publish('$KV.suanpan_payments.config.limits', '1', { headers: expecting })
      await client.flush()
      await client.close()
    }
    expect(await keys.get('config.limits')).toEqual(kept)
    expect((await keys.put('config.limits', bytes('2'), kept!.revision)).outcome).toBe('appended')
  })

  it('C16: no message takes the keys of others away, not even of a node', async () => {
    const kept = await Promise.all(['map', 'config.limits'].map((key) => keys.get(key)))
    const client = await rawly('node')
    for (const what of ['all', 'sub']) {
      const rollup = headers()
      rollup.set('Nats-Rollup', what)
      const value = '{"value":"info","by":"x","at":1}'
      const subject = '$KV.suanpan_payments.config.limits'
      const answer = await client.request(subject, value, { headers: rollup, timeout: 2_000 })
      expect(answer.json()).toMatchObject({ error: { description: 'rollup not permitted' } })
    }
    await client.close()
    expect(kept).not.toContain(undefined)
    expect(await Promise.all(['map', 'config.limits'].map((key) => keys.get(key)))).toEqual(kept)
  })

  it.each(['operator', 'observer'] as const)(
    'S4: no answer to an %s goes where they may not write, whoever gives it',
    async (role) => {
      const ends = ['sp.payments.status', 'sp.payments.node.b.vitals'].map((subject) =>
        nats.node.bus.subscribe(subject, ({ respond }) => respond(bytes('answer'))),
      )
      await until('the node to listen', () => answers(nats[role], 'sp.payments.node.b.vitals'))
      const snapshots = await nats.node.stream('SNAP_payments_0', { replicas: 3 })
      const bounds = (): Promise<unknown> =>
        Promise.all([journal.bounds(), snapshots.bounds(), keys.get('forged'), keys.get('map')])
      const before = await bounds()
      const client = await rawly(role)
      for (const question of permissionsOf(role, 'payments').publish) {
        const subject = question.replace('*.vitals', 'b.vitals').replace('*.calls', 'b.calls')
        for (const reply of [
          'SHARD.payments.0',
          'SNAP.payments.0',
          '$KV.suanpan_payments.forged',
          '$KV.suanpan_payments.map',
          '$JS.API.STREAM.PURGE.SHARD_payments_0',
          '$JS.API.STREAM.DELETE.SHARD_payments_0',
        ]) {
          // Names of streams end these subjects; one that is there and one that is not.
          for (const name of ['KV_suanpan_payments', 'nobody']) {
            const at = subject.replace(/[*>]$/, name)
            client.publish(at, '{"last_by_subj":"$KV.suanpan_payments.map"}', { reply })
          }
        }
      }
      await client.flush()
      // What was asked before is answered before.
      await answers(nats[role], 'sp.payments.node.b.vitals')
      await nats[role].bucket('suanpan_payments', { replicas: 0 })
      await new Promise((resolve) => setTimeout(resolve, 500))
      expect(await bounds()).toEqual(before)
      await client.close()
      for (const end of ends) end()
    },
  )

  it('an observer can neither steer nor speak for a node; nobody but nodes speaks on their links', async () => {
    const steering = ['sp.payments.control', 'sp.payments.node.b.calls']
    const links = ['requests', 'answers', 'peers', 'opened'].map(
      (one) => `sp.payments.node.b.${one}`,
    )
    const heard: string[] = []
    const ends = [...steering, ...links].map((subject) =>
      nats.node.bus.subscribe(subject, () => heard.push(subject)),
    )
    for (const [role, subjects] of [
      ['observer', [...steering, ...links]],
      ['operator', links],
    ] as const) {
      for (const subject of subjects) {
        const asked = nats[role].bus.request(subject, bytes('move'), 1_000)
        await expect(asked).rejects.toMatchObject({ code: 'nats_permission' })
      }
    }
    expect(heard).toEqual([])
    for (const end of ends) end()
  })

  it('neither an operator nor an observer makes, cuts, copies or restores a stream', async () => {
    for (const role of ['operator', 'observer'] as const) {
      for (const subject of [
        '$JS.API.STREAM.NAMES',
        '$JS.API.STREAM.CREATE.SHARD_payments_7',
        '$JS.API.STREAM.PURGE.KV_suanpan_payments',
        // S3: its messages would go wherever its maker wants them.
        '$JS.API.CONSUMER.CREATE.KV_suanpan_payments',
        '$JS.API.CONSUMER.CREATE.KV_suanpan_payments.forged.$KV.suanpan_payments.>',
        '$JS.API.CONSUMER.DURABLE.CREATE.KV_suanpan_payments.forged',
        '$JS.API.STREAM.DELETE.KV_suanpan_payments',
        '$JS.API.STREAM.SNAPSHOT.SHARD_payments_0',
        '$JS.API.STREAM.RESTORE.SHARD_payments_0',
      ]) {
        await expect(nats[role].bus.request(subject, bytes('{}'), 1_000)).rejects.toMatchObject({
          code: 'nats_permission',
        })
      }
    }
  })

  it('nobody deletes or changes a stream, or removes a message', async () => {
    for (const role of natsRoles) {
      for (const subject of [
        '$JS.API.STREAM.DELETE.SHARD_payments_0',
        '$JS.API.STREAM.DELETE.KV_suanpan_payments',
        '$JS.API.STREAM.UPDATE.SHARD_payments_0',
        '$JS.API.STREAM.MSG.DELETE.SHARD_payments_0',
      ]) {
        await expect(nats[role].bus.request(subject, bytes('{}'), 1_000)).rejects.toMatchObject({
          code: 'nats_permission',
        })
      }
    }
    expect((await journal.bounds()).last).toBeGreaterThan(0)
  })

  it('nobody hears the bus or the answers of others', async () => {
    const heard: string[] = []
    for (const subject of ['sp.payments.>', '_INBOX_node.>', 'SHARD.payments.*']) {
      nats.observer.bus.subscribe(subject, () => heard.push(subject))
    }
    await until('each to be refused', () => problems.length >= 3)
    nats.node.bus.publish('sp.payments.node.a.peers', bytes('secret'))
    await appendKnown(journal, bytes('secret'), (await journal.bounds()).last)
    expect(heard).toEqual([])
    for (const problem of problems) expect(problem).toContain('does not let this user subscribe')
  })

  it('C18: what may not be published is told of, once for each subject', async () => {
    problems.length = 0
    const denied = (subject: string): string[] =>
      problems.filter((problem) => problem.includes(`publish to "${subject}"`))
    for (let i = 0; i < 3; i++) nats.observer.bus.publish('sp.payments.control', bytes('move'))
    nats.observer.bus.publish('sp.payments.node.b.peers', bytes('x'))
    await until('the other to be told', () => denied('sp.payments.node.b.peers').length > 0)
    expect(denied('sp.payments.control')).toHaveLength(1)
    expect(problems[0]).toContain('What is sent there is lost.')
  })

  it('C14: says in a sentence that a login is refused, by however many servers', async () => {
    const wrong = connectNats({ servers: servers.addresses, user: 'node', password: 'guess' })
    await expect(wrong).rejects.toMatchObject({ code: 'nats_login' })
    await expect(connectNats({ servers: servers.addresses })).rejects.toMatchObject({
      code: 'nats_login',
    })
  })
})

async function answers(nats: Nats, subject: string): Promise<boolean> {
  const answer = nats.bus.request(subject, bytes('?'), 1_000)
  return answer.then(
    () => true,
    () => false,
  )
}
