/**
 * Chance that can be repeated: the same seed gives the same workload, so that two systems and two runs
 * are asked the same things.
 */

/** A source of numbers in [0, 1). */
export type Chance = () => number

/** Mulberry32: 32 bits of state, good enough to pick accounts, and a few nanoseconds a number. */
export function seeded(seed: number): Chance {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The numbers 0 to count − 1 in a random order (Fisher and Yates). */
export function shuffled(count: number, chance: Chance): Uint32Array {
  const order = new Uint32Array(count)
  for (let i = 0; i < count; i++) {
    const j = Math.floor(chance() * (i + 1))
    order[i] = order[j]!
    order[j] = i
  }
  return order
}
