import { expect, it } from 'vitest'
import type { RuntimeClient, ShardStatus } from '../../runtime/index.js'
import { audit } from './audit.js'

it('A3: says that there is none while a shard can not tell what is durable, and waits for none without bound', async () => {
  const waits: (number | undefined)[] = []
  const asked: Partial<RuntimeClient> = {
    shards: 3,
    comparePairs: () => Promise.resolve([]),
    shardStatus: ({ waitMs } = {}) => {
      waits.push(waitMs)
      return Promise.resolve([0, 2].map((shard) => ({ shard }) as ShardStatus))
    },
  }
  const options = { now: () => 0, accounts: [], compareTimeoutMs: 10 }
  await expect(audit(asked as RuntimeClient, options)).rejects.toMatchObject({
    code: 'not_ready',
    message: expect.stringContaining('shards 1 takes nothing'),
  })
  expect(waits).toEqual([5_000])
})
