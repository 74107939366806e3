/** Clusters in simulation, with all faults: some seeds in every test run, campaigns beside it. */
import { describe, expect, it } from 'vitest'
import type { ClusterRunResult } from './simulate-cluster.js'
import { noRareFaults } from './swarm.js'
import { clusterWorkloads } from './workloads.js'

const names = ['generic', 'payments'] as const

describe.each(names)('a simulated cluster, %s', (name) => {
  const run = (seed: number): Promise<ClusterRunResult> => clusterWorkloads[name].run(seed)

  /** Of the row below: what a run leaves, for another one of the same seed. */
  const hashes = new Map<number, string>()

  it('breaks no rule over a row of seeds, and meets its faults', { timeout: 300_000 }, async () => {
    const met = new Set<string>()
    for (let seed = 1_001; seed <= 1_015; seed++) {
      const { violations, faults, sometimes, events, hash } = await run(seed)
      expect({ seed, violations }).toEqual({ seed, violations: [] })
      expect(events).toBeGreaterThan(500)
      hashes.set(seed, hash)
      for (const kind of Object.keys({ ...faults, ...sometimes })) met.add(kind)
    }
    const due = ['kill', 'zombie', 'cut_both', 'move', 'snapshot_damaged', 'nats_reply_lost']
    for (const kind of [...due, 'taken over', 'answer given again']) expect(met).toContain(kind)
    expect(new Set(hashes.values()).size).toBe(hashes.size)
  })

  it('does the same for the same seed, to the byte', { timeout: 180_000 }, async () => {
    for (const seed of [1_001, 1_010, 1_015]) {
      const known = hashes.get(seed) ?? (await run(seed)).hash
      expect((await run(seed)).hash).toBe(known)
    }
  })
})

/**
 * - generic 1037, payments 2, 2112: an opening that nobody wanted any more fenced the owner.
 * - generic 2098, payments 2120: a shard that was asked for twice was sealed twice.
 * - payments 5050: messages of two snapshots stood between each other; a hand-over waited for ever.
 * - generic 20134: a node that was dead to the others and did not know opened a shard it had lost anew,
 *   while its successor answered reads.
 * - payments 20410: the kit itself was wrong: an attempt its client had given up began something late.
 * - payments 137: a node that had left said that it had failed when it could not join again.
 * - payments 20123: a clock that was set back and set right again counted as one that had jumped, and
 *   no timer fired any more.
 */
const onceFailed = {
  generic: [1037, 2098, 20_134],
  payments: [2, 137, 2112, 2120, 5050, 20_123, 20_410],
} as const

describe.each(names)('runs clean where it once failed, %s', (name) => {
  it.each(onceFailed[name])('seed %i', async (seed) => {
    // They failed before there were rare faults.
    const plan = { rare: noRareFaults }
    expect((await clusterWorkloads[name].run(seed, { plan })).violations).toEqual([])
  })
})
