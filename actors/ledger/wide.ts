/**
 * Exact sums of any size as two numbers, high and low, in a plain list: value = high × 2^50 + low.
 *
 * W1. 0 ≤ low < 2^50 and high is a safe integer, negative for negative values, so each value has one
 *     form and equal values compare equal limb by limb.
 * W2. Adding any safe integer is exact; 2^53 additions of the largest one would still fit.
 */

const base = 2 ** 50

/** A list of wide numbers, one after the other. Number `slot` stands at 2 × slot. */
export type Limbs = number[]

/** @returns a list of `count` zeros */
export function zeros(count: number): Limbs {
  return new Array<number>(count * 2).fill(0)
}

/** Adds a safe integer, or the difference of two counters, to number `slot`. */
export function addTo(limbs: Limbs, slot: number, amount: number): void {
  const at = slot * 2
  let carry = 0
  let low = amount
  if (low >= base || low <= -base) {
    carry = Math.floor(low / base)
    low -= carry * base
  }
  low += limbs[at + 1] ?? 0
  if (low < 0) {
    low += base
    carry--
  } else if (low >= base) {
    low -= base
    carry++
  }
  limbs[at + 1] = low
  if (carry !== 0) limbs[at] = (limbs[at] ?? 0) + carry
}

/** An exact value of any size. */
export function valueOf(limbs: readonly number[], slot = 0): bigint {
  return BigInt(limbs[slot * 2] ?? 0) * BigInt(base) + BigInt(limbs[slot * 2 + 1] ?? 0)
}

/** The value in short form: a number when it is one limb, else both. */
export function packedAt(limbs: readonly number[], slot: number): Packed {
  const high = limbs[slot * 2] ?? 0
  const low = limbs[slot * 2 + 1] ?? 0
  return high === 0 ? low : [high, low]
}

/** See {@link packedAt}. */
export type Packed = number | readonly [high: number, low: number]

/** True when number `slot` is exactly this value. */
export function equals(limbs: readonly number[], slot: number, value: Packed): boolean {
  const high = typeof value === 'number' ? 0 : value[0]
  const low = typeof value === 'number' ? value : value[1]
  return limbs[slot * 2] === high && limbs[slot * 2 + 1] === low
}

export function unpacked(value: Packed): bigint {
  return typeof value === 'number' ? BigInt(value) : valueOf(value)
}

/** Sets number `slot` to any value. */
export function setTo(limbs: Limbs, slot: number, value: bigint): void {
  limbs[slot * 2] = Number(value >> 50n)
  limbs[slot * 2 + 1] = Number(value & (BigInt(base) - 1n))
}
