import { describe, expect, it } from 'vitest'
import { seeded, shuffled } from './chance.js'
import { shares, Zipf } from './zipf.js'

const picks = 200_000

function counted(count: number, exponent: number): Float64Array {
  const zipf = new Zipf(count, exponent, seeded(1))
  const found = new Float64Array(count)
  for (let i = 0; i < picks; i++) {
    const rank = zipf.pick()
    found[rank] = found[rank]! + 1
  }
  return found
}

describe('a Zipf distribution', () => {
  it.each([0, 0.9, 1, 1.25, 1.5])('gives each rank its share at exponent %d', (exponent) => {
    const expected = shares(50, exponent)
    const found = counted(50, exponent)
    // Chi square with 49 degrees of freedom: beyond 94 once in 10,000 right generators.
    const chi = found.reduce((sum, seen, rank) => {
      const wanted = expected[rank]! * picks
      return sum + (seen - wanted) ** 2 / wanted
    }, 0)
    expect(chi).toBeLessThan(94)
  })

  it('has shares that add up to one, falling with 1 / rank^s', () => {
    const some = shares(1_000, 1.25)
    expect(some.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9)
    expect(some[0]! / some[9]!).toBeCloseTo(10 ** 1.25, 6)
  })

  it('knows a single rank', () => {
    expect(new Zipf(1, 1.5, seeded(1)).pick()).toBe(0)
  })
})

describe('repeatable chance', () => {
  it('is the same for the same seed and another for another', () => {
    const draw = (seed: number): number[] => Array.from({ length: 5 }, seeded(seed))
    expect(draw(7)).toEqual(draw(7))
    expect(draw(7)).not.toEqual(draw(8))
  })

  it('shuffles every number in, once', () => {
    const order = shuffled(1_000, seeded(3))
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1_000 }, (_, i) => i))
    expect([...order]).not.toEqual([...order].sort((a, b) => a - b))
  })
})
