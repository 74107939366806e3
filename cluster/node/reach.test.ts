import { afterEach, expect, it } from 'vitest'
import type { Fault } from '../../runtime/index.js'
import { connectNats, LinkProxy } from '../../transport/nats/index.js'
import { Reach, type MembershipLook } from './reach.js'
import { RealNodes } from './testing/real-nodes.js'

const member = (isLinked: () => boolean, hasLease = isLinked): MembershipLook => ({
  isLinked,
  hasLease,
})

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

it('M7: who asks a node without journals hears so within seconds, and of what was under way that nobody knows', async () => {
  cluster = await RealNodes.start({ syncAlways: false })
  link = await LinkProxy.open(Number(new URL(cluster.address).port))
  const nats = await connectNats({ servers: [link.address], onlyTheseServers: true })
  const deaf = await cluster.join({ shards: 4, nats })
  const other = await cluster.join({ shards: 4 })
  await cluster.even()
  const names = ['ann', 'bob', 'cid', 'dan']
  for (const id of names) await cluster.bank(other).openAccount({ id, currency: 'CNY' })
  const deposit = (account: string, node = deaf) =>
    cluster!.bank(node).deposit({ account, amount: 5, currency: 'CNY', idempotencyKey: account })
  const ended = async (asked: Promise<unknown>): Promise<unknown> => {
    const begun = performance.now()
    const how = await asked.then(
      () => 'done',
      (error: unknown) => (error as Fault).code,
    )
    expect(performance.now() - begun).toBeLessThan(10_000)
    return how
  }

  link.cut()
  const underWay = names.map((account) => ended(deposit(account)))
  for (const how of await Promise.all(underWay)) expect(how).toBe('outcome_unknown')
  const query = ended(cluster.bank(deaf).account('ann'))
  expect(await query).toBe('not_ready')
  const begun = performance.now()
  expect(await ended(deposit('eve'))).toBe('not_ready')
  // At once, and not after the four seconds above.
  expect(performance.now() - begun).toBeLessThan(3_000)

  link.mend()
  await cluster.until(() => nats.connected)
  for (const account of names) {
    expect(await ended(deposit(account))).toBe('done')
    expect((await cluster.bank(other).account(account)).available).toBe(5)
  }
  await nats.close()
})

it('M6: without both connections it is NATS that is away', () => {
  let now = 0
  const nats = { connected: false }
  const control = { connected: false }
  const clock = { now: () => now, monotonic: () => now }
  const lease = { leaseMs: 1_000, renewMs: 200, marginMs: 100, attemptMs: 300 }
  const reach = new Reach(
    clock,
    { nats, control, lease },
    member(() => true),
  )
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

it('M7: who is no member for longer than joining takes is cut off, connected or not', () => {
  let now = 0
  let linked = true
  const nats = { connected: true }
  const clock = { now: () => now, monotonic: () => now }
  const reach = new Reach(
    clock,
    { nats, control: nats },
    member(() => linked),
  )
  expect(reach.cutOff()).toBe(false)
  linked = false
  now = 10_000
  expect(reach.cutOff()).toBe(false)
  now += 3_000
  expect(reach.cutOff()).toBe(false)
  now += 1
  expect(reach.cutOff()).toBe(true)
  linked = true
  expect(reach.cutOff()).toBe(false)
})

it('M8: who has held no lease for longer than an election lasts is adrift, until it holds one', () => {
  let now = 0
  let leased = true
  const nats = { connected: true }
  const clock = { now: () => now, monotonic: () => now }
  const linked = member(
    () => true,
    () => leased,
  )
  const reach = new Reach(clock, { nats, control: nats }, linked)
  expect(reach.adrift()).toBe(false)
  leased = false
  now = 10_000
  reach.hindrance()
  now += 5_000
  expect(reach.adrift()).toBe(false)
  now += 1
  expect(reach.adrift()).toBe(true)
  expect(reach.cutOff()).toBe(false)
  leased = true
  expect(reach.adrift()).toBe(false)
})
