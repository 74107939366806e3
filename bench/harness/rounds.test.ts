import { describe, expect, it } from 'vitest'
import { bucketOf, bucketsCount, shareBelow, valueOf } from './buckets.js'
import { Latencies, mergeLatencies } from './latencies.js'
import type { Measured } from './loops.js'
import { beside, interleave, median, rowOf, type Lane } from './rounds.js'

function measured(completed: number, seconds: number, ms = 1): Measured {
  const latencies = new Latencies()
  for (let i = 0; i < completed; i++) latencies.record(ms)
  const none = new Array<number>(bucketsCount).fill(0)
  const groups = [...none]
  groups[bucketOf(4_096)] = 10
  return {
    completed,
    refused: 0,
    seconds,
    latency: latencies.pack(),
    meter: {
      seconds,
      cpuUserSeconds: 1,
      cpuSystemSeconds: 0.5,
      gc: { count: 2, totalMs: 6, maxMs: 4 },
      loop: { utilization: 0.5, delayP99Ms: 1, delayMaxMs: 2 },
      syncs: 10,
      syncMs: 5,
      bytesWritten: 40_960,
      syncMicros: none,
      groupBytes: groups,
      rssBytes: 1_000,
    },
  }
}

describe('rounds', () => {
  it('take turns, each beginning with another lane, after a warm-up that does not count', async () => {
    const order: string[] = []
    const lane = (name: string): Lane => ({
      name,
      round: (seconds) => {
        order.push(`${name}${seconds}`)
        return Promise.resolve(measured(10, 1))
      },
    })
    const lanes = [lane('a'), lane('b')]
    const options = { rounds: 2, seconds: 2, warmUpSeconds: 1, say: () => undefined }
    const all = await interleave(lanes, options)
    expect(order).toEqual(['a1', 'b1', 'a2', 'b2', 'b2', 'a2'])
    expect([...all.values()].map((rounds) => rounds.length)).toEqual([2, 2])
  })

  it('make a row of the median, the spread, and what all of them used', () => {
    const row = rowOf('x', 'payments', [measured(100, 1), measured(500, 1), measured(300, 1)])
    expect(row).toMatchObject({
      completed: 900,
      perSecond: 300,
      spread: { min: 100, max: 500, rounds: 3 },
      valid: true,
      usage: { cpuUserSeconds: 3, syncs: 30, gc: { count: 6, totalMs: 18, maxMs: 4 } },
    })
    expect(row.usage?.group.operations).toBe(30)
    expect(row.usage?.group.bytesP50).toBeCloseTo(4_096, -3)
  })

  it('say in the row when one of them was invalid', () => {
    const offered = { perSecond: 100, sent: 100, kept: 0.5, backlog: 0, abandoned: false }
    const row = rowOf('x', 'payments', [measured(100, 1), { ...measured(100, 1), offered }])
    expect(row.valid).toBe(false)
    expect(row.remark).toContain('kept only 50.0 % of its rate')
  })

  it('are compared by their medians', () => {
    const a = rowOf('a', 'payments', [measured(100, 1)])
    const b = rowOf('b', 'payments', [measured(400, 1)])
    expect(beside(a, b).ratio).toEqual({ of: 'b', value: 0.25 })
  })

  it('have a median for odd and even counts, and none', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 2.5, 0])
  })
})

describe('latencies', () => {
  it('of several processes are added, and percentiles taken of the sum', () => {
    const fast = new Latencies()
    const slow = new Latencies()
    for (let i = 0; i < 99; i++) fast.record(1)
    slow.record(250)
    const { p50, p99, max } = mergeLatencies([fast.pack(), slow.pack()]).summary()
    expect(p50).toBeCloseTo(1, 1)
    expect(p99).toBeCloseTo(1, 1)
    expect(max).toBeCloseTo(250, 0)
  })
})

describe('buckets', () => {
  it('hold a value within a fifth of itself', () => {
    for (const value of [1.5, 10, 4_096, 1e6, 1e9]) {
      expect(Math.abs(valueOf(bucketOf(value)) / value - 1)).toBeLessThan(0.2)
    }
  })

  it('tell the value below which a share of all is', () => {
    const counts = new Array<number>(bucketsCount).fill(0)
    counts[bucketOf(100)] = 99
    counts[bucketOf(100_000)] = 1
    expect(shareBelow(counts, 0.5)).toBeLessThan(130)
    expect(shareBelow(counts, 0.999)).toBeGreaterThan(80_000)
  })
})
