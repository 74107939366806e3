import { describe, expect, it } from 'vitest'
import { clockOff } from '../../runtime/index.js'
import { fairWeather, Random } from '../../runtime/simulation/index.js'
import { decodeMember, nodePrefix } from './member.js'
import { Membership } from './membership.js'
import { bucketName, Process, SimulatedCluster } from './testing/simulated-cluster.js'

/** `clockStepMsMax` of the runtime's limits. */
const step = 60_000

async function running(seed = 1): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster(seed)
  for (let i = 0; i < 2; i++) cluster.add(`node-${i}`)
  await cluster.until('up', () => cluster.settled(), 30_000)
  return cluster
}

interface Joining {
  readonly process: Process
  readonly membership: Membership
  /** 'in', or why not. */
  outcome: Promise<unknown>
}

/** A node whose clock is ahead by so much joins. */
async function join(cluster: SimulatedCluster, skewMs: number): Promise<Joining> {
  const process = new Process(cluster.kernel, new Random(1, 'late'))
  process.skewMs = skewMs
  const bucket = await cluster.soon(
    cluster.service.connect(process).bucket(bucketName, { replicas: 3 }),
  )
  const membership = new Membership({
    env: process.env,
    bucket,
    name: 'late',
    facts: { address: '', reads: [1, 2], capacity: 1, shards: new Map() },
  })
  const outcome = membership.join().then(
    () => 'in',
    (error: unknown) => error,
  )
  return { process, membership, outcome }
}

describe('M3: whose wall clock is far off that of NATS does not join', () => {
  it.each([
    ['ahead of', 2 * step],
    ['ahead of', 7_200_000],
    ['behind', -2 * step],
    ['behind', -7_200_000],
  ])('%s by %i ms', async (where, skewMs) => {
    const cluster = await running()
    const late = await join(cluster, skewMs)
    expect(await cluster.soon(late.outcome)).toMatchObject({
      code: 'clock_off',
      message: expect.stringMatching(
        new RegExp(`is ${Math.abs(skewMs) / 1000} s ${where} that of the NATS servers`),
      ) as string,
    })
    expect(late.membership.member).toBe(false)
    // It never had a slot, and says itself that it is gone.
    const { id } = late.membership
    const entry = cluster.service.bucket(bucketName).get(nodePrefix + id)
    expect(decodeMember(entry!.value)).toMatchObject({ state: 'dead', slot: undefined })
    late.process.skewMs = 0
    late.membership.stop()
    const again = await join(cluster, 0)
    expect(await cluster.soon(again.outcome)).toBe('in')
    again.membership.stop()
  })

  it('a little off is no reason', async () => {
    const cluster = await running()
    for (const skewMs of [step / 2, -step / 2]) {
      const late = await join(cluster, skewMs)
      expect(await cluster.soon(late.outcome)).toBe('in')
      late.membership.stop()
    }
  })

  it('a right clock is never called wrong, however long the node stood still and NATS kept silent', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const cluster = await running(seed)
      Object.assign(cluster.weather, { replyLoss: 0.4, staleGet: 0.5 })
      const late = await join(cluster, 0)
      late.process.paused = true
      for (let i = 0; i < 4; i++) await cluster.soon(cluster.kernel.wait(step - 1))
      late.process.paused = false
      late.process.resume()
      Object.assign(cluster.weather, fairWeather())
      expect(await cluster.soon(late.outcome)).toBe('in')
      late.membership.stop()
    }
  })

  it('only what is certain counts', () => {
    expect(clockOff(0, step, 0)).toBe(0)
    expect(clockOff(0, step + 1, 0)).toBe(-step - 1)
    expect(clockOff(step, 0, step)).toBe(0)
    expect(clockOff(step + 1, 0, step + 5)).toBe(step + 1)
    expect(clockOff(0, 5 * step, 10 * step)).toBe(0)
  })
})
