import { describe, expect, it } from 'vitest'
import { PendingRequests, type Ending } from './pending-requests.js'

function ignore(): void {
  // Nobody looks at this ending.
}

describe('pending requests', () => {
  it('N1: ends each request once, however many there are and in whatever order answers come', () => {
    const pending = new PendingRequests<number>()
    const ended = new Map<number, number>()
    const numbers: number[] = []
    for (let i = 0; i < 5_000; i++) {
      const number = pending.nextNumber()
      pending.add((value) => ended.set(number, value), ignore, 1_000, 0)
      numbers.push(number)
    }
    expect(new Set(numbers).size).toBe(5_000)
    const ending: Ending<number> = { resolve: ignore, reject: ignore }
    for (const number of numbers.reverse()) {
      expect(pending.take(number, ending)).toBe(true)
      ending.resolve(number * 2)
      expect(pending.take(number, ending)).toBe(false)
    }
    expect(pending.size).toBe(0)
    expect([...ended].every(([number, value]) => value === number * 2)).toBe(true)
  })

  it('N1: an answer that comes late finds nobody, not the request that has its place now', () => {
    const pending = new PendingRequests<string>()
    const late = pending.nextNumber()
    const errors: Error[] = []
    pending.add(ignore, (error) => errors.push(error), 10, 0)
    pending.rejectOverdue(9, () => new Error('too late'))
    expect(errors).toHaveLength(0)
    pending.rejectOverdue(10, () => new Error('too late'))
    expect(errors).toHaveLength(1)
    const ending: Ending<string> = { resolve: ignore, reject: ignore }
    const kept = pending.nextNumber()
    pending.add(ignore, ignore, 1_000, 0)
    // Numbers go on until one falls on the first place again.
    for (let i = 0; i < 4_096; i++) {
      const number = pending.nextNumber()
      pending.add(ignore, ignore, 1_000, 0)
      expect(pending.take(late, ending)).toBe(false)
      expect(pending.take(number, ending)).toBe(true)
    }
    expect(pending.take(kept, ending)).toBe(true)
  })

  it('gives up what was asked of one shard, and nothing else', () => {
    const pending = new PendingRequests<string>()
    const given: number[] = []
    for (const shard of [3, 7, 3]) {
      pending.nextNumber()
      pending.add(ignore, () => given.push(shard), 1_000, shard)
    }
    pending.rejectOf(3, () => new Error('moved'))
    expect(given).toEqual([3, 3])
    expect(pending.size).toBe(1)
  })
})
