import { afterEach, expect, it } from 'vitest'
import { NatsRefused, type KeyBucket, type Nats } from '../../transport/index.js'
import { RealNodes } from './testing/real-nodes.js'

let cluster: RealNodes | undefined

afterEach(async () => cluster?.stop())

it('a node that may not write its entry any more serves nobody, says so, and serves again when it may', async () => {
  cluster = await RealNodes.start({ syncAlways: false })
  let mayWrite = true
  const control: Nats = await cluster.connect()
  const open = control.bucket.bind(control)
  const refused = new NatsRefused('nats_permission', 'You may not write this.')
  control.bucket = async (name, settings): Promise<KeyBucket> => {
    const bucket = await open(name, settings)
    const put = bucket.put.bind(bucket)
    bucket.put = (...given) => (mayWrite ? put(...given) : Promise.reject(refused))
    return bucket
  }
  const denied = await cluster.join({ shards: 4, control })
  const other = await cluster.join({ shards: 4 })
  await cluster.even()
  const { id } = denied.membership
  await cluster.bank(other).openAccount({ id: 'ann', currency: 'CNY' })

  mayWrite = false
  await cluster.until(() => other.shards.length === 4 && !denied.membership.member)
  // Longer than joining takes.
  await cluster.until(() => cluster!.reports.some(([, event]) => event === 'membership_lost'))
  await new Promise((resolve) => setTimeout(resolve, 4_000))
  expect(cluster.failures).toEqual([])
  expect(denied.ready).toBe(false)
  const begun = performance.now()
  await expect(cluster.bank(denied).account('ann')).rejects.toMatchObject({ code: 'not_ready' })
  // At once, and not after the seconds it would wait for a member that may come back.
  expect(performance.now() - begun).toBeLessThan(3_000)
  const told = cluster.reports.filter(([name, event]) => {
    return name === 'node-1' && event === 'membership_trouble'
  })
  expect(told.length).toBeGreaterThan(0)
  expect(told.length).toBeLessThan(6)

  mayWrite = true
  await cluster.even()
  expect(denied.membership.id).not.toBe(id)
  expect((await cluster.bank(denied).account('ann')).id).toBe('ann')
})
