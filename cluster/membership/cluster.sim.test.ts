import { describe, expect, it } from 'vitest'
import { SimulatedCluster, type SimulatedNode } from './testing/simulated-cluster.js'

/** Seeds of one run; more with SUANPAN_SEEDS. */
const seeds = Number(process.env['SUANPAN_SEEDS'] ?? 25)
const first = Number(process.env['SUANPAN_FIRST_SEED'] ?? 1)

function trouble(cluster: SimulatedCluster): void {
  const { random, service, kernel, nodes } = cluster
  const node = random.pick(nodes)
  switch (random.whole(0, 6)) {
    case 0:
      node.process.paused = true
      kernel.after(random.between(100, 7_000), () => {
        if (node.process.alive) node.process.resume()
      })
      return
    case 1:
      service.cut(node.process)
      kernel.after(random.between(100, 7_000), () => service.mend(node.process))
      return
    case 2:
      service.startElection()
      kernel.after(random.between(200, 6_000), () => service.endElection())
      return
    case 3:
      if (!cluster.started.has(node)) return
      node.kill()
      // Its parent saw it, and tells some other node; or it has none.
      if (random.chance(0.5)) {
        const { id } = node.membership
        kernel.after(random.between(1, 1_000), () => {
          const others = [...cluster.started]
          if (others.length > 0) void random.pick(others).coordinator.bury(id)
        })
      }
      kernel.after(random.between(100, 4_000), () => cluster.add(node.name))
      return
    case 4:
      if (!cluster.started.has(node) || !node.membership.member) return
      void node.retire().then((gone) => {
        if (gone) cluster.add(node.name)
      })
      return
    case 5:
      move(cluster, random.pick(nodes), node)
      return
    default:
      for (const each of nodes) {
        service.cut(each.process)
        kernel.after(random.between(100, 5_000), () => service.mend(each.process))
      }
  }
}

function move(cluster: SimulatedCluster, from: SimulatedNode, to: SimulatedNode): void {
  const shard = cluster.random.whole(0, cluster.shards - 1)
  const request = { type: 'move', by: 'test', shard, to: to.name }
  from.nats.bus.publish('sp.test.control', Buffer.from(JSON.stringify(request)))
}

async function run(seed: number): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster(seed)
  const { random, kernel, weather } = cluster
  const nodes = random.whole(3, 7)
  for (let i = 0; i < nodes; i++) cluster.add(`node-${i}`)
  await cluster.until('a cluster comes up', () => cluster.settled(), 30_000)
  Object.assign(weather, {
    replyLoss: random.pick([0, 0.02]),
    lateAppend: random.pick([0, 0.02]),
    staleGet: random.pick([0, 0.3]),
    lateWatch: random.pick([0, 0.05]),
    busLoss: 0.05,
    busDuplicate: 0.05,
  })
  const until = kernel.now + 25_000
  while (kernel.now < until) {
    trouble(cluster)
    await cluster.pass(random.exponential(1_500))
  }
  // Restarts that are under way come to their end.
  await cluster.pass(16_000)
  cluster.heal()
  await cluster.until('all is well again', () => cluster.settled(), 60_000)
  return cluster
}

describe('a cluster under pauses, cuts, outages, deaths and restarts', () => {
  it(`has at most one owner per shard at every moment, and heals: ${seeds} seeds`, async () => {
    const seen = new Map<string, number>()
    for (let seed = first; seed < first + seeds; seed++) {
      try {
        const { witness } = await run(seed)
        for (const [event, count] of witness.seen) seen.set(event, (seen.get(event) ?? 0) + count)
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
      }
    }
    if (seeds < 20) return
    for (const event of ['death', 'handed over', 'taken from the dead', 'office taken']) {
      expect(seen.get(event) ?? 0, event).toBeGreaterThan(10)
    }
  }, 600_000)

  it('does the same again from the same seed', async () => {
    const hashes = [(await run(7)).kernel.hash, (await run(7)).kernel.hash]
    expect(hashes[0]).toBe(hashes[1])
  }, 120_000)
})
