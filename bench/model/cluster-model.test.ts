import { describe, expect, it } from 'vitest'
import { modelCluster, type ModelCosts, type ModelledCluster } from './cluster-model.js'
import { Station } from './station.js'
import { Timeline } from './timeline.js'

const costs: ModelCosts = {
  ...{ nodeMicros: 60, acrossMicros: 20, frameMicros: 100, kibMicros: 5 },
  ...{ syncMs: 0.5, paymentBytes: 700, networkMs: 0.1 },
}
const one: ModelledCluster = {
  ...{ nodes: 1, servers: 3, shards: 16, window: 2_000, coresPerServer: 2, seed: 7 },
}

describe('a timeline', () => {
  it('lets things happen in the order of their moments, ties in the order of planning', () => {
    const timeline = new Timeline()
    const seen: string[] = []
    const planned = [5, 3, 9, 3, 1, 7, 5].map((at, i) => [at, `${at}-${i}`] as const)
    for (const [at, name] of planned) timeline.at(at, () => seen.push(name))
    timeline.runUntil(8)
    expect(seen).toEqual(['1-4', '3-1', '3-3', '5-0', '5-6', '7-5'])
    expect(timeline.now).toBe(8)
  })
})

describe('a station', () => {
  it('works at as many things at once as it has servers', () => {
    const timeline = new Timeline()
    const station = new Station(timeline, 2)
    const ends: number[] = []
    for (let i = 0; i < 4; i++) station.serve(10, () => ends.push(timeline.now))
    timeline.runUntil(40)
    expect(ends).toEqual([10, 10, 20, 20])
    expect(station.busy(0, 0)).toBe(0.5)
  })
})

describe('a modelled cluster', () => {
  it('is as fast as its node, when nothing else holds it up', () => {
    const { perSecond, nodeBusy } = modelCluster(costs, one)
    expect(nodeBusy).toBeGreaterThan(0.98)
    expect(perSecond).toBeGreaterThan(0.95 * (1e6 / costs.nodeMicros))
    expect(perSecond).toBeLessThan(1.05 * (1e6 / costs.nodeMicros))
  })

  it('is as fast as the disks, when they hold it up', () => {
    const slow = { ...costs, syncMs: 20 }
    const { diskBusy, framesPerSecond, nodeBusy } = modelCluster(slow, one)
    expect(diskBusy).toBeGreaterThan(0.95)
    expect(nodeBusy).toBeLessThan(0.9)
    // Each of three disks syncs every frame.
    expect(framesPerSecond).toBeCloseTo(1000 / 20, -1)
  })

  it('takes as long as its payments wait (Little)', () => {
    const { perSecond, latencyMs } = modelCluster(costs, one)
    const mean = (1000 * one.window) / perSecond
    expect(latencyMs.p50).toBeGreaterThan(0.7 * mean)
    expect(latencyMs.p50).toBeLessThan(1.3 * mean)
  })

  it('grows with its nodes until the servers are busy, and with more servers further', () => {
    const many = { ...one, nodes: 16, shards: 64 }
    const heavy = { ...costs, kibMicros: 40 }
    const few = modelCluster(heavy, { ...many, servers: 3 })
    const more = modelCluster(heavy, { ...many, servers: 12 })
    expect(few.perSecond).toBeGreaterThan(2 * modelCluster(heavy, one).perSecond)
    expect(few.serverBusy).toBeGreaterThan(0.95)
    expect(more.perSecond).toBeGreaterThan(1.5 * few.perSecond)
  })

  it('gives the same answer to the same seed', () => {
    expect(modelCluster(costs, one)).toEqual(modelCluster(costs, one))
  })
})
