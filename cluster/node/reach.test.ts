import { afterEach, expect, it } from 'vitest'
import { connectNats, LinkProxy } from '../../transport/nats/index.js'
import { Reach } from './reach.js'
import { RealNodes } from './testing/real-nodes.js'

let cluster: RealNodes | undefined
let link: LinkProxy | undefined

afterEach(async () => {
  await cluster?.stop()
  await link?.close()
})

it('M6: a node that does not reach its journals, but its membership, gives way, and comes back with them', async () => {
  cluster = await RealNodes.start({ syncAlways: false })
  link = await LinkProxy.open(Number(new URL(cluster.address).port))
  const nats = await connectNats({ servers: [link.address], onlyTheseServers: true })
  const deaf = await cluster.join({ shards: 4, nats })
  const other = await cluster.join({ shards: 4 })
  await cluster.even()
  const bank = cluster.bank(other)
  const names = ['ann', 'bob', 'cid', 'dan']
  for (const id of names) await bank.openAccount({ id, currency: 'CNY' })
  const { id } = deaf.membership

  link.cut()
  await cluster.until(() => other.shards.length === 4)
  expect(deaf.ready).toBe(false)
  expect(other.membership.view.isDead(id)).toBe(true)
  for (const account of names) {
    const cash = { account, amount: 5, currency: 'CNY', idempotencyKey: account }
    expect((await bank.deposit(cash)).amount).toBe(5)
  }

  link.mend()
  await cluster.even()
  expect(deaf.membership.id).not.toBe(id)
  expect(cluster.failures).toEqual([])
  await nats.close()
})

it('M6: without both connections it is NATS that is away', () => {
  let now = 0
  const nats = { connected: false }
  const control = { connected: false }
  const clock = { now: () => now, monotonic: () => now }
  const lease = { leaseMs: 1_000, renewMs: 200, marginMs: 100, attemptMs: 300 }
  const reach = new Reach(clock, { nats, control, lease })
  now = 60_000
  expect(reach.hindrance()).toBeUndefined()
  control.connected = true
  now += 1_000
  expect(reach.hindrance()).toBeUndefined()
  now += 1
  expect(reach.hindrance()).toMatch(/journals/)
  // A blink of the other one makes up for nothing.
  control.connected = false
  now += 5_000
  expect(reach.hindrance()).toMatch(/journals/)
  nats.connected = true
  expect(reach.hindrance()).toBeUndefined()
})
