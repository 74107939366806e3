import { expect, it } from 'vitest'
import type { ShardStatus } from '../../runtime/index.js'
import { runtimeOps } from './ops-view.js'

it('the metrics of a runtime wait for no shard without bound', async () => {
  const ops = runtimeOps({
    shardStatus: (asked) =>
      asked?.waitMs === undefined
        ? new Promise<ShardStatus[]>(() => undefined)
        : Promise.resolve([]),
    quarantined: () => Promise.resolve([]),
    ready: () => Promise.resolve(true),
    release: () => Promise.resolve(),
    backup: () => Promise.reject(new Error('none here')),
  })
  const metrics = await ops.metrics()
  const quarantined = metrics.find(({ name }) => name === 'suanpan_quarantined_actors')
  expect(quarantined?.values).toEqual([{ value: 0 }])
})
