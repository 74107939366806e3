import { expect, it } from 'vitest'
import type { ClusterNode } from './cluster-node.js'
import { clusterOps } from './cluster-ops.js'

it('the metrics of a node wait for no shard without bound, and name those that are left out', async () => {
  const node = {
    shards: [3, 5],
    localStatus: ({ waitMs }: { waitMs?: number }) =>
      waitMs === undefined
        ? new Promise<never>(() => undefined)
        : Promise.resolve([{ shard: 5, disagreements: [] }]),
    localQuarantined: () => [],
    membership: { valid: true },
    coordinator: {},
  } as unknown as ClusterNode
  const metrics = await clusterOps(node).metrics()
  expect(metrics.find(({ name }) => name === 'suanpan_node_lease')?.values).toEqual([{ value: 1 }])
  expect(metrics.find(({ name }) => name === 'suanpan_shard_left_out')?.values).toEqual([
    { labels: { shard: 3 }, value: 1 },
    { labels: { shard: 5 }, value: 0 },
  ])
})
