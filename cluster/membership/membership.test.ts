import { describe, expect, it } from 'vitest'
import { decodeMember, encodeMember, nodePrefix, type Member } from './member.js'
import { leaseSettings } from './settings.js'
import { claimSlot, freeSlots } from './slots.js'
import { bucketName, SimulatedCluster, type SimulatedNode } from './testing/simulated-cluster.js'

async function clusterOf(count: number, seed = 1): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster(seed)
  for (let i = 0; i < count; i++) cluster.add(`node-${i}`)
  await cluster.until('up', () => cluster.settled(), 30_000)
  return cluster
}

/** What the servers keep of a member. */
function entryOf(cluster: SimulatedCluster, id: string): Member | undefined {
  const entry = cluster.service.bucket(bucketName).get(nodePrefix + id)
  return entry === undefined ? undefined : decodeMember(entry.value)
}

function deaths(cluster: SimulatedCluster): number {
  return cluster.witness.times('death')
}

describe('joining', () => {
  it('gives every member a fresh id and the smallest free slot, however many come at once', async () => {
    const { nodes } = await clusterOf(7)
    const slots = nodes.map(({ membership }) => membership.slot)
    expect(slots.sort()).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(new Set(nodes.map(({ membership }) => membership.id)).size).toBe(7)
  })

  it('T1: gives the slot of one who was seen dead to the next, and of no other', async () => {
    const cluster = await clusterOf(3)
    const [first] = cluster.nodes as [SimulatedNode]
    const { slot, id } = first.membership
    first.kill()
    const early = cluster.add('early')
    await cluster.until(
      'early is in',
      () => cluster.started.has(early) && early.membership.member,
      10_000,
    )
    expect(early.membership.slot).toBe(3)
    await cluster.until('the dead is known', () => early.membership.view.isDead(id), 10_000)
    const late = cluster.add('late')
    await cluster.until(
      'late is in',
      () => cluster.started.has(late) && late.membership.member,
      10_000,
    )
    expect(late.membership.slot).toBe(slot)
  })

  it('T1: of many claims on one slot one is true; what is freed can be claimed again', async () => {
    const cluster = await clusterOf(1)
    const [{ process, nats }] = cluster.nodes as [SimulatedNode]
    const bucket = await cluster.soon(nats.bucket(bucketName, { replicas: 3 }))
    const claim = (id: string): Promise<number | undefined> =>
      claimSlot(process.env, bucket, id, () => false, 800)
    const slots = await cluster.soon(Promise.all(['a', 'b', 'c'].map(claim)))
    expect(slots.filter((slot) => slot !== undefined)).toEqual([1])
    const holder = ['a', 'b', 'c'][slots.indexOf(1)]!
    expect(await cluster.soon(claim(holder))).toBe(1)
    expect(await cluster.soon(claim('d'))).toBe(2)
    const gone = (id: string): boolean => id === holder
    expect(await cluster.soon(freeSlots(process.env, bucket, gone, 800))).toBe(true)
    expect(await cluster.soon(claim('e'))).toBe(1)
  })

  it('tells the others its address, formats and shards, and each change of them', async () => {
    const cluster = await clusterOf(2)
    const [a, b] = cluster.nodes as [SimulatedNode, SimulatedNode]
    a.membership.tellShards(new Map([[3, { ordinal: 70, load: 0.5 }]]))
    const seen = (): Member | undefined => b.membership.view.find('node-0')
    await cluster.until('told', () => seen()?.shards.get(3)?.ordinal === 70, 2_000)
    expect(seen()).toMatchObject({ address: 'http://node-0', reads: [1, 2], state: 'up' })
  })
})

describe('an entry', () => {
  const member: Member = {
    id: 'a=1',
    name: 'a',
    slot: 3,
    state: 'up',
    address: 'http://127.0.0.1:7400',
    reads: [1, 2],
    capacity: 2,
    shards: new Map([[4, { ordinal: 12, load: 0.25 }]]),
    since: 1_767_225_600_000,
    beat: 7,
  }

  it('is read back as it was written', () => {
    expect(decodeMember(encodeMember(member))).toEqual(member)
    const joining: Member = { ...member, slot: undefined, state: 'joining' }
    expect(decodeMember(encodeMember(joining))).toEqual(joining)
  })

  it.each([
    ['id', 'a b'],
    ['name', 7],
    ['slot', 256],
    ['state', 'gone'],
    ['address', null],
    ['reads', [2, 1]],
    ['capacity', 0],
    ['shards', [[1, -1, 0]]],
    ['shards', { 1: 2 }],
    ['since', -1],
    ['beat', 'x'],
  ])('with a wrong %s is none', (field, value) => {
    const json = JSON.parse(Buffer.from(encodeMember(member)).toString()) as object
    expect(decodeMember(Buffer.from(JSON.stringify({ ...json, [field]: value })))).toBeUndefined()
  })

  it('that nobody can read falls silent and is declared dead', async () => {
    const cluster = await clusterOf(2)
    cluster.service.bucket(bucketName).change(nodePrefix + 'x', Buffer.from('?'), 0, 0)
    await cluster.until('dead', () => entryOf(cluster, 'x')?.state === 'dead', 10_000)
  })
})

describe('a lease', () => {
  it('L1: ends while its node is cut off, and nothing is owned then', async () => {
    const cluster = await clusterOf(3)
    const [node] = cluster.nodes as [SimulatedNode]
    const owned = node.assignments.owned()
    expect(owned.length).toBeGreaterThan(0)
    cluster.service.cut(node.process)
    await cluster.until('over', () => !node.membership.valid, 4_000)
    expect(owned.some((shard) => node.owns(shard))).toBe(false)
  })

  it('that can not be renewed is told, once, with the reason, and that it holds again', async () => {
    const cluster = await clusterOf(1)
    const [node] = cluster.nodes as [SimulatedNode]
    const leases = (): string[] =>
      node.reports.filter(({ event }) => event.startsWith('lease_')).map(({ event }) => event)
    cluster.service.startElection()
    await cluster.pass(20_000)
    expect(leases()).toEqual(['lease_over'])
    const told = node.reports.find(({ event }) => event === 'lease_over')
    expect(told?.detail).toMatchObject({ id: node.membership.id, why: expect.stringMatching(/./) })
    cluster.service.endElection()
    await cluster.until('holds', () => node.membership.valid, 5_000)
    expect(leases()).toEqual(['lease_over', 'lease_back'])
  })

  it('L2: outlives replies that are lost, each settled by reading', async () => {
    const cluster = await clusterOf(3)
    const ids = cluster.nodes.map(({ membership }) => membership.id)
    Object.assign(cluster.weather, { replyLoss: 0.3, staleGet: 0.8, lateWatch: 0.3 })
    await cluster.pass(20_000)
    expect(cluster.nodes.map(({ membership }) => membership.id)).toEqual(ids)
    expect(cluster.counts.of('nats_reply_lost')).toBeGreaterThan(20)
    expect(deaths(cluster)).toBe(0)
    cluster.heal()
    await cluster.until('all is well', () => cluster.settled(), 20_000)
  })

  it('M1: of a node that stood still is over; it drops all and comes back under another id', async () => {
    const cluster = await clusterOf(3)
    const node = cluster.nodes.find((each) => each !== cluster.coordinator)!
    const { id } = node.membership
    node.process.paused = true
    await cluster.until('buried', () => entryOf(cluster, id)?.state === 'dead', 10_000)
    const stale = node.assignments.owned()
    expect(stale.length).toBeGreaterThan(0)
    await cluster.until(
      'taken over',
      () => cluster.witness.map!.shards.every(({ owner }) => owner !== id),
      2_000,
    )
    expect(stale.some((shard) => node.owns(shard))).toBe(false)
    node.process.resume()
    await cluster.until('back', () => node.membership.member && node.membership.id !== id, 10_000)
    expect(node.reports.map(({ event }) => event)).toContain('membership_lost')
    await cluster.until('even again', () => cluster.settled(), 20_000)
    expect(entryOf(cluster, id)?.state ?? 'dead').toBe('dead')
  })

  it('M6: ends where the node has a hindrance, the coordinator too; it comes back without it', async () => {
    const cluster = await clusterOf(3)
    const node = cluster.coordinator!
    const { id } = node.membership
    node.hindrance = 'a cut cable'
    await cluster.until(
      'taken over',
      () => cluster.witness.map!.shards.every(({ owner }) => owner !== id),
      20_000,
    )
    expect(node.reports.find(({ event }) => event === 'lease_over')?.detail).toEqual({
      id,
      why: 'a cut cable',
    })
    await cluster.pass(10_000)
    expect(node.membership.member).toBe(false)
    expect(cluster.coordinator).not.toBe(node)
    node.hindrance = undefined
    await cluster.until('even again', () => cluster.settled(), 20_000)
    expect(node.membership.member).toBe(true)
  })

  it('M2: of one who leaves is over first; its shards go to others at once', async () => {
    const cluster = await clusterOf(3)
    const node = cluster.nodes.find((each) => each !== cluster.coordinator)!
    const { id } = node.membership
    const began = cluster.kernel.now
    void node.membership.leave()
    expect(node.membership.valid).toBe(false)
    await cluster.until(
      'taken over',
      () => cluster.witness.map!.shards.every(({ owner }) => owner !== id),
      10_000,
    )
    // Nobody waited for a lease.
    expect(cluster.kernel.now - began).toBeLessThan(2_000)
    cluster.gone(node)
  })
})

describe('a bucket that goes back', () => {
  /** A cluster whose bucket is half a minute older than it was. */
  async function wentBack(): Promise<{ cluster: SimulatedCluster; undo: () => void }> {
    const cluster = await clusterOf(3)
    const bucket = cluster.service.bucket(bucketName)
    const { revision } = bucket.newest('').at(-1)!
    await cluster.pass(30_000)
    return { cluster, undo: bucket.goBackTo(revision) }
  }
  const countOf = ({ reports }: SimulatedNode, wanted: string): number =>
    reports.filter(({ event }) => event === wanted).length

  it('L4, M5: is written into by nobody who knew it before, and each of them ends, told once', async () => {
    const { cluster } = await wentBack()
    const written: string[] = []
    cluster.service.bucket(bucketName).listeners.add(({ key }) => written.push(key))
    await cluster.pass(3_000)
    for (const { membership, reports } of cluster.nodes) {
      expect(membership.valid).toBe(false)
      const over = reports.find(({ event }) => event === 'lease_over')
      expect(over?.detail['why']).toContain('older entry')
    }
    await cluster.pass(60_000)
    expect(written).toEqual([])
    expect(cluster.nodes.map((node) => countOf(node, 'bucket_regressed'))).toEqual([1, 1, 1])
    expect(cluster.nodes.some(({ membership }) => membership.member)).toBe(false)
  })

  it('L4: and comes again, as behind a leader of the past, has its members as before', async () => {
    const { cluster, undo } = await wentBack()
    const ids = cluster.nodes.map(({ membership }) => membership.id)
    await cluster.pass(20_000)
    undo()
    await cluster.until('all is well again', () => cluster.settled(), 20_000)
    expect(cluster.nodes.map(({ membership }) => membership.id)).toEqual(ids)
    expect(cluster.nodes.map((node) => countOf(node, 'bucket_regressed'))).toEqual([0, 0, 0])
  })
})

describe('who is dead', () => {
  it('D1: nobody, after an outage of NATS in which all were silent', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const cluster = await clusterOf(5, seed)
      cluster.service.startElection()
      await cluster.pass(6_000)
      expect(cluster.nodes.some(({ membership }) => membership.valid)).toBe(false)
      cluster.service.endElection()
      await cluster.until('all is well again', () => cluster.settled(), 20_000)
      expect(deaths(cluster)).toBe(0)
    }
  })

  it('D2: an owner without an entry, for good; and no shard stays with it', async () => {
    const cluster = await clusterOf(3)
    const node = cluster.nodes.find((each) => each !== cluster.coordinator)!
    const { id } = node.membership
    const bucket = cluster.service.bucket(bucketName)
    node.kill()
    const began = cluster.kernel.now
    bucket.change(nodePrefix + id, undefined, bucket.get(nodePrefix + id)!.revision, 0)
    await cluster.until('dead', () => entryOf(cluster, id)?.state === 'dead', 10_000)
    // Its lease might have held that long.
    expect(cluster.kernel.now - began).toBeGreaterThan(2_000)
    await cluster.until('taken over', () => cluster.settled(), 10_000)
  })

  it('D3: whose process ended, as soon as any node is told; nobody waits for the lease', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const cluster = await clusterOf(4, seed)
      // Every second time the coordinator itself: another takes the office without waiting, too.
      const dead = cluster.nodes.find(
        (each) => (each === cluster.coordinator) === (seed % 2 === 0),
      )!
      const { id } = dead.membership
      const began = cluster.kernel.now
      // A renewal is on its way, and comes through once the sender is gone.
      dead.membership.tell({ capacity: 2 })
      dead.kill()
      const told = cluster.nodes.filter((each) => each !== cluster.coordinator).at(-1)!
      await cluster.soon(told.coordinator.bury(id))
      expect(entryOf(cluster, id)?.state).toBe('dead')
      await cluster.until('taken over', () => cluster.settled(), 10_000)
      expect(cluster.kernel.now - began).toBeLessThan(1_500)
      expect(deaths(cluster)).toBe(1)
    }
  })

  it('D3: is said on the renewal that the dead one had sent', async () => {
    const cluster = await clusterOf(3)
    const [dead, told] = cluster.nodes as [SimulatedNode, SimulatedNode]
    const { id } = dead.membership
    const bucket = cluster.service.bucket(bucketName)
    dead.kill()
    const buried = told.coordinator.bury(id)
    const { value, revision } = bucket.get(nodePrefix + id)!
    bucket.change(nodePrefix + id, value, revision, 0)
    await cluster.soon(buried)
    expect(entryOf(cluster, id)?.state).toBe('dead')
  })

  it('D3: nobody, when an id is told that no entry has, or that left', async () => {
    const cluster = await clusterOf(3)
    const [left, told] = cluster.nodes as [SimulatedNode, SimulatedNode]
    const { id } = left.membership
    await cluster.soon(left.retire())
    const before = cluster.service.bucket(bucketName).get(nodePrefix + id)!.revision
    await cluster.soon(Promise.all([told.coordinator.bury('x=y'), told.coordinator.bury(id)]))
    expect(entryOf(cluster, 'x=y')).toBeUndefined()
    expect(cluster.service.bucket(bucketName).get(nodePrefix + id)!.revision).toBe(before)
    expect(told.reports.map(({ event }) => event)).not.toContain('member_ended')
  })

  it('is swept away when nothing speaks of it any more, and its slot is free', async () => {
    const cluster = await clusterOf(3)
    const node = cluster.nodes.find((each) => each !== cluster.coordinator)!
    const { id } = node.membership
    node.kill()
    await cluster.until('dead', () => entryOf(cluster, id)?.state === 'dead', 10_000)
    await cluster.until('swept', () => entryOf(cluster, id) === undefined, 30_000)
    const slots = cluster.service.bucket(bucketName).get('slots')!.value
    expect(Buffer.from(slots).toString()).not.toContain(id)
  })
})

describe('times of leases', () => {
  it('are the defaults unless others are asked for', () => {
    expect(leaseSettings()).toEqual({ leaseMs: 2_000, renewMs: 400, marginMs: 300, attemptMs: 800 })
    expect(leaseSettings({ leaseMs: 4_000, marginMs: 500 }).leaseMs).toBe(4_000)
  })

  it.each([
    [{ leaseMs: 1_000 }, 'three times'],
    [{ attemptMs: 1_600 }, 'less than leaseMs'],
    [{ marginMs: 100 }, 'a tenth'],
    [{ renewMs: 0 }, 'whole number'],
    [{ leaseMs: Number.NaN }, 'whole number'],
  ])('that make no sense are refused: %o', (given, sentence) => {
    expect(() => leaseSettings(given)).toThrow(sentence)
  })
})
