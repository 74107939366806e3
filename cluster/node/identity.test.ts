import { beforeEach, expect, it } from 'vitest'
import { payments } from '../../actors/index.js'
import { Random } from '../../runtime/simulation/index.js'
import type { KeyBucket, Nats } from '../../transport/index.js'
import { bucketName, Process, SimulatedCluster } from '../membership/testing/simulated-cluster.js'
import { clusterBucket, clusterFacts } from './identity.js'

let cluster: SimulatedCluster
let process: Process
let nats: Nats
let bucket: KeyBucket

beforeEach(async () => {
  cluster = new SimulatedCluster(1)
  process = new Process(cluster.kernel, new Random(1, 'founder'))
  nats = cluster.service.connect(process)
  bucket = await cluster.soon(nats.bucket(bucketName, { replicas: 3 }))
})

const facts = (given: { shards?: number; settings?: { timeZone: string } }) =>
  cluster.soon(
    clusterFacts(process.env, { nats, cluster: 'test' }, bucket, {
      ...given,
      actors: payments.actors,
    }),
  )

it.each([0, 4_097, 1.5])(
  'no cluster of %d shards is founded, and its name can be used',
  async (shards) => {
    await expect(facts({ shards })).rejects.toThrow('1 to 4096 shards')
    expect(await cluster.soon(bucket.get('identity'))).toBeUndefined()
    expect(await facts({ shards: 4_096 })).toMatchObject({ shards: 4_096, journalsNoted: true })
    await expect(facts({ shards: 64 })).rejects.toMatchObject({ code: 'shards_differ' })
  },
)

it('one that was founded so by an earlier release is refused, and does not hang', async () => {
  const identity = { format: 1, shards: 5_000, secret: '00' }
  await cluster.soon(bucket.put('identity', Buffer.from(JSON.stringify(identity)), 0))
  await expect(facts({})).rejects.toMatchObject({
    code: 'shards_differ',
    message: expect.stringContaining('5000 shards') as string,
  })
})

it('settings that the actors can not work with are not written, and found no cluster', async () => {
  await expect(facts({ settings: { timeZone: 'Asia/Atlantis' } })).rejects.toMatchObject({
    code: 'invalid_options',
    message: expect.stringContaining('"Asia/Atlantis"') as string,
  })
  for (const key of ['identity', 'turn_settings'])
    expect(await cluster.soon(bucket.get(key))).toBeUndefined()
  const settings = { timeZone: 'Asia/Shanghai' }
  expect(await facts({ settings })).toMatchObject({ settings })
})

it('a node does not join a cluster whose settings its actors do not know', async () => {
  await facts({})
  const { revision } = (await cluster.soon(bucket.get('turn_settings')))!
  await cluster.soon(
    bucket.put('turn_settings', Buffer.from('{"timeZone":"Asia/Atlantis"}'), revision),
  )
  await expect(facts({})).rejects.toMatchObject({
    code: 'invalid_options',
    message: expect.stringContaining('The cluster has settings') as string,
  })
})

it.each(['SHARD_test_0', 'SHARD_test_7', 'SNAP_test_3', 'SHARD_test_4095'])(
  'C3: where %s is left of a cluster, neither its bucket nor its identity is made anew',
  async (left) => {
    await cluster.soon(nats.stream(left, { replicas: 3 }))
    await expect(facts({ shards: 2 })).rejects.toMatchObject({
      code: 'identity_lost',
      message: expect.stringContaining(left) as string,
    })
    expect(await cluster.soon(bucket.get('identity'))).toBeUndefined()
    cluster.service.removeBucket(bucketName)
    const found = cluster.soon(clusterBucket(process.env, { nats, cluster: 'test' }, 3))
    await expect(found).rejects.toMatchObject({ code: 'identity_lost' })
    const there = cluster.soon(nats.bucket(bucketName, { replicas: 0 }))
    await expect(there).rejects.toMatchObject({ code: 'nats_missing' })
  },
)

it('C3: streams of other clusters hinder no founder', async () => {
  for (const name of ['SHARD_test-2_0', 'SNAP_tes_0'])
    await cluster.soon(nats.stream(name, { replicas: 3 }))
  expect(await facts({ shards: 2 })).toMatchObject({ shards: 2 })
})
