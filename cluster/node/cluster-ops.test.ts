import { expect, it } from 'vitest'
import type { ClusterNode } from './cluster-node.js'
import { clusterOps } from './cluster-ops.js'

it('the metrics of a node wait for no shard without bound', async () => {
  const node = {
    localStatus: ({ waitMs }: { waitMs?: number }) =>
      waitMs === undefined ? new Promise<never>(() => undefined) : Promise.resolve([]),
    localQuarantined: () => [],
    membership: { valid: true },
    coordinator: {},
  } as unknown as ClusterNode
  const metrics = await clusterOps(node).metrics()
  expect(metrics.find(({ name }) => name === 'suanpan_node_lease')?.values).toEqual([{ value: 1 }])
})
