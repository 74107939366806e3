import { describe, expect, it } from 'vitest'
import { Pairs, Parties } from './parties.js'

const parties = new Parties(1_000)

function draw(pairs: Pairs, count = 20_000): [number, number][] {
  return Array.from({ length: count }, () => {
    const payer = pairs.payer()
    return [payer, pairs.payee(payer)]
  })
}

describe('pairs', () => {
  it('are accounts that pay merchants', () => {
    for (const [payer, payee] of draw(new Pairs(parties, {}, 1))) {
      expect(parties.isMerchant(payer)).toBe(false)
      expect(parties.isMerchant(payee)).toBe(true)
    }
  })

  it('between accounts never pay themselves', () => {
    const pattern = { betweenAccounts: true, exponent: 1.5 }
    for (const [payer, payee] of draw(new Pairs(parties, pattern, 1))) {
      expect(payee).not.toBe(payer)
      expect(parties.isMerchant(payee)).toBe(false)
    }
  })

  it('with one hot merchant all pay the same', () => {
    const payees = draw(new Pairs(parties, { hotMerchant: true }, 1)).map(([, payee]) => payee)
    expect(new Set(payees).size).toBe(1)
  })

  it('with skew pay few merchants most of the time', () => {
    const share = (exponent: number): number => {
      const times = new Map<number, number>()
      for (const [, payee] of draw(new Pairs(parties, { exponent }, 1))) {
        times.set(payee, (times.get(payee) ?? 0) + 1)
      }
      return Math.max(...times.values()) / 20_000
    }
    expect(share(0)).toBeLessThan(0.01)
    expect(share(1.5)).toBeGreaterThan(0.3)
  })

  it('are across shards as often as their shards say', () => {
    const pairs = new Pairs(parties, {}, 1)
    expect(pairs.shareAcross(() => 0)).toBe(0)
    expect(pairs.shareAcross((party) => party)).toBe(1)
    expect(pairs.shareAcross((party) => party % 4)).toBeCloseTo(0.75, 1)
  })

  it('are the same for the same seed', () => {
    expect(draw(new Pairs(parties, {}, 9), 50)).toEqual(draw(new Pairs(parties, {}, 9), 50))
  })
})
