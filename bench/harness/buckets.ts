/**
 * Counts by size in buckets that grow by a quarter of a doubling: a few hundred bytes for any range,
 * added by adding, and fit for shared memory. Percentiles are exact to a fifth.
 */

/** Buckets from 1 to 2^40. */
export const bucketsCount = 160
const perDoubling = 4

export function bucketOf(value: number): number {
  if (value <= 1) return 0
  return Math.min(bucketsCount - 1, Math.floor(Math.log2(value) * perDoubling))
}

/** The middle of a bucket. */
export function valueOf(bucket: number): number {
  return 2 ** ((bucket + 0.5) / perDoubling)
}

/** The value below which this share of all is; 0 of nothing. @param share 0 to 1 */
export function shareBelow(counts: ArrayLike<number>, share: number): number {
  let total = 0
  for (let i = 0; i < counts.length; i++) total += counts[i]!
  if (total === 0) return 0
  let seen = 0
  for (let i = 0; i < counts.length; i++) {
    seen += counts[i]!
    if (seen >= total * share) return valueOf(i)
  }
  return valueOf(counts.length - 1)
}

export function addBuckets(all: readonly (readonly number[])[]): number[] {
  const sum = new Array<number>(bucketsCount).fill(0)
  for (const one of all) one.forEach((count, i) => (sum[i] = sum[i]! + count))
  return sum
}
