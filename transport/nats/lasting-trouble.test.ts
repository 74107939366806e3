import { expect, it } from 'vitest'
import { LastingTrouble } from './lasting-trouble.js'

/** A trouble, and when it was told of what is met at these times. */
function told(times: readonly number[]): number[] {
  let now = 0
  const trouble = new LastingTrouble(() => now)
  return times.filter((time) => {
    now = time
    return trouble.met() !== undefined
  })
}

it('LT1: is told at once, then after pauses that double up to a minute', () => {
  const everySecond = Array.from({ length: 300 }, (_, second) => second * 1_000)
  expect(told(everySecond)).toEqual(
    [0, 2, 6, 14, 30, 62, 122, 182, 242].map((second) => second * 1_000),
  )
})

it('LT1: says how long it has lasted and how often it was met, and when it is over', () => {
  let now = 5
  const trouble = new LastingTrouble(() => now)
  expect(trouble.over()).toBeUndefined()
  expect(trouble.met()).toEqual({})
  for (const [at, so] of [
    [1_005, undefined],
    [2_005, { ms: 2_000, times: 2 }],
    [2_006, undefined],
  ] as const) {
    now = at
    expect(trouble.met()).toEqual(so)
  }
  now = 3_005
  expect(trouble.over()).toBe(3_000)
  expect(trouble.over()).toBeUndefined()
})

it('LT1: one that passes at once has no end to be told', () => {
  let now = 0
  const trouble = new LastingTrouble(() => now)
  expect(trouble.met()).toEqual({})
  now = 100
  expect(trouble.over()).toBeUndefined()
})

it('LT2: one that comes and goes is told as one that stays; after a long time it is a new one', () => {
  let now = 0
  const trouble = new LastingTrouble(() => now)
  const tellings: number[] = []
  for (; now < 300_000; now += 1_000) {
    if (trouble.met() !== undefined) tellings.push(now)
    trouble.over()
  }
  expect(tellings.length).toBeLessThan(12)
  now += 200_000
  trouble.met()
  now += 2_000
  expect(trouble.met()).toBeDefined()
})
