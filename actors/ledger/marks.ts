/**
 * When the amounts of a running total came, for the age of money in flight: marks of time and total, as
 * [time, high, low, …], oldest first.
 *
 * M1. A reported age is never too low, and too high by at most half of itself plus a second.
 * M2. Marks grow with the logarithm of time: fewer than a hundred in a year of amounts.
 */
import { valueOf, type Limbs } from './wide.js'

export type Marks = number[]

/** Numbers of a mark. */
const width = 3
/** At most one mark in so many ms. */
const intervalMs = 1_000
/** Marks are thinned out whenever they have come to a multiple of so many. */
const marksAtOnce = 48
/** Neighbours of a mark that goes are so many times closer to each other than to now, at least. */
const closeness = 2

/** Notes when the next amount joins total `slot` of `limbs`. @param at shard time, ms since 1970 */
export function mark(marks: Marks, at: number, limbs: Limbs, slot: number): void {
  const last = marks.length - width
  if (last >= 0 && at < (marks[last] ?? 0) + intervalMs) return
  marks.push(at, limbs[slot * 2] ?? 0, limbs[slot * 2 + 1] ?? 0)
  if (marks.length % (marksAtOnce * width) === 0) thinOut(marks, at)
}

/** Drops a mark whose neighbours are close together for their age; its amounts then count as the older neighbour's. */
function thinOut(marks: Marks, now: number): void {
  let kept = width
  for (let i = width; i < marks.length; i += width) {
    const before = marks[kept - width] ?? 0
    const after = marks[i + width]
    if (after !== undefined && closeness * (after - before) <= now - after) continue
    for (let word = 0; word < width; word++) marks[kept++] = marks[i + word] ?? 0
  }
  marks.length = kept
}

/**
 * Age in ms of the first amount beyond a total that was taken (M1): both sides of a pair work in the same
 * order.
 * @param taken what the other side took, in minor units
 */
export function ageOf(marks: Readonly<Marks>, taken: bigint, now: number): number {
  let since = now
  for (let i = 0; i < marks.length; i += width) {
    const before = valueOf([marks[i + 1] ?? 0, marks[i + 2] ?? 0])
    if (i > 0 && before > taken) break
    since = marks[i] ?? now
  }
  return Math.max(0, now - since)
}
