/**
 * Picks from a Zipf distribution: rank r (from 0) with probability proportional to 1 / (r + 1)^s.
 * The alias method of Vose: exact for any exponent, two array reads a pick.
 */
import type { Chance } from './chance.js'

export class Zipf {
  private readonly chance: Chance
  private readonly threshold: Float64Array
  private readonly alias: Uint32Array

  /** @param exponent 0 is uniform */
  constructor(count: number, exponent: number, chance: Chance) {
    this.chance = chance
    this.threshold = new Float64Array(count)
    this.alias = new Uint32Array(count)
    this.fill(shares(count, exponent))
  }

  pick(): number {
    const { threshold, alias } = this
    const scaled = this.chance() * threshold.length
    const slot = Math.floor(scaled)
    return scaled - slot < threshold[slot]! ? slot : alias[slot]!
  }

  /** Pairs each slot that has too little with one that has too much, until every slot holds 1 / count. */
  private fill(share: Float64Array): void {
    const count = share.length
    const scaled = share.map((one) => one * count)
    const small: number[] = []
    const large: number[] = []
    for (let rank = 0; rank < count; rank++) (scaled[rank]! < 1 ? small : large).push(rank)
    while (small.length > 0 && large.length > 0) {
      const low = small.pop()!
      const high = large.pop()!
      this.threshold[low] = scaled[low]!
      this.alias[low] = high
      scaled[high] = scaled[high]! + scaled[low]! - 1
      ;(scaled[high] < 1 ? small : large).push(high)
    }
    // What rounding left over is full to within an epsilon.
    for (const rank of [...small, ...large]) this.threshold[rank] = 1
  }
}

/** The probability of each rank. */
export function shares(count: number, exponent: number): Float64Array {
  const weights = Float64Array.from({ length: count }, (_, rank) => (rank + 1) ** -exponent)
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return weights.map((weight) => weight / sum)
}
