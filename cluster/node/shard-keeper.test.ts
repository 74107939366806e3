import { expect, it } from 'vitest'
import { nodeEnv, type Env, type ShardNode } from '../../runtime/index.js'
import { ShardKeeper } from './shard-keeper.js'

type Served = Pick<ShardNode, 'open' | 'handOver' | 'prepare' | 'forget' | 'drop' | 'serves'>

const hopsMax = 12

it.each(Array.from({ length: hopsMax }, (_, hops) => hops))(
  'K1: what is asked for %i microtasks after the last thing was done is done too',
  async (hops) => {
    const done: string[] = []
    let opened = (): void => undefined
    const opening = new Promise<void>((resolve) => (opened = resolve))
    const node: Served = {
      open: () => opening,
      handOver: () => {
        done.push('sealed')
        return Promise.resolve(true)
      },
      prepare: () => Promise.resolve(),
      forget: () => undefined,
      drop: () => undefined,
      serves: () => true,
    }
    const keeper = new ShardKeeper(nodeEnv(), node as unknown as ShardNode, {
      ready: () => Promise.resolve(),
      handOver: () => Promise.resolve(done.push('handed over')),
      knownOrdinal: () => 0,
      report: () => undefined,
    })
    keeper.open(3)
    opened()
    for (let hop = 0; hop < hops; hop++) await Promise.resolve()
    keeper.drain(3)
    await new Promise((resolve) => setImmediate(resolve))
    expect(done).toEqual(['sealed', 'handed over'])
  },
)

it('a journal that is lost again and again is opened after longer and longer pauses', async () => {
  let now = 0
  const pauses: number[] = []
  const timers = {
    after: (delayMs: number, run: () => void) => {
      pauses.push(delayMs)
      now += delayMs
      queueMicrotask(run)
      return { cancel: () => undefined }
    },
  }
  const env = { clock: { monotonic: () => now }, timers } as unknown as Env
  let opened = 0
  const node = {
    open: () => {
      // Lost a moment after it was opened; in the end for ten minutes not.
      if (++opened === 10) now += 600_000
      if (opened <= 10) setImmediate(() => keeper.lost(3))
      return Promise.resolve()
    },
    serves: () => true,
  } as unknown as ShardNode
  const keeper = new ShardKeeper(env, node, {
    ready: () => Promise.resolve(),
    handOver: () => Promise.resolve(),
    knownOrdinal: () => 0,
    report: () => undefined,
  })
  keeper.open(3)
  await expect.poll(() => opened).toBe(11)
  expect(pauses).toEqual([50, 100, 200, 400, 800, 1_600, 2_000, 2_000])
})

it('what fails again and again is told at once, then less and less often, and its end once', async () => {
  let now = 0
  const timers = {
    after: (delayMs: number, run: () => void) => {
      now += delayMs
      setImmediate(run)
      return { cancel: () => undefined }
    },
  }
  const env = { clock: { monotonic: () => now }, timers } as unknown as Env
  const why = new Error('no leader')
  const node = {
    open: () => (now < 600_000 ? Promise.reject(why) : Promise.resolve()),
    serves: () => true,
  } as unknown as ShardNode
  const reports: [number, string, Record<string, unknown>][] = []
  const keeper = new ShardKeeper(env, node, {
    ready: () => Promise.resolve(),
    handOver: () => Promise.resolve(),
    knownOrdinal: () => 0,
    report: (event, detail) => void reports.push([now, event, detail]),
  })
  keeper.open(3)
  await expect.poll(() => reports.at(-1)?.[1]).toBe('serve_goes_on')
  expect(reports[0]).toEqual([0, 'serve_failed', { shard: 3, error: why }])
  expect(reports.length).toBeLessThan(20)
  const [at, event, detail] = reports.at(-2)!
  expect([event, at > 500_000]).toEqual(['serve_failed', true])
  expect(detail).toMatchObject({ shard: 3, error: why, times: 30 })
  expect(reports.at(-1)![2]).toEqual({ shard: 3, ms: now })
})
