import { expect, it } from 'vitest'
import { limits } from '../limits.js'
import { ClockGuard } from './clock-guard.js'

const far = limits.clockStepMsMax * 2

/** A wall clock that can be put anywhere, beside a monotonic one. */
function clocks(): { guard: ClockGuard; pass: (ms: number) => void; put: (byMs: number) => void } {
  let [wall, monotonic] = [1_000_000_000, 0]
  return {
    guard: new ClockGuard({ now: () => wall, monotonic: () => monotonic }),
    pass: (ms) => {
      wall += ms
      monotonic += ms
    },
    put: (byMs) => (wall += byMs),
  }
}

it('follows a clock that is put ahead a little, and none that is put ahead far', () => {
  const { guard, put } = clocks()
  const begun = guard.now()
  put(1_000)
  expect(guard.now() - begun).toBe(1_000)
  put(far)
  expect(guard.now() - begun).toBe(1_000)
  expect(guard.jumped).toBe(true)
  put(-far)
  expect(guard.now() - begun).toBe(1_000)
  expect(guard.jumped).toBe(false)
})

it('believes a clock that was set back and is set right again', () => {
  const { guard, pass, put } = clocks()
  const begun = guard.now()
  put(-far)
  pass(5_000)
  expect(guard.now() - begun).toBe(5_000 - far)
  put(far)
  expect(guard.now() - begun).toBe(5_000)
  expect(guard.jumped).toBe(false)
  put(far)
  expect(guard.now() - begun).toBe(5_000)
  expect(guard.jumped).toBe(true)
})

it('tells when a clock is believed no more, and follows one that was found right', () => {
  const { guard, pass, put } = clocks()
  const told: unknown[] = []
  const look = (): void =>
    guard.watch({ report: (event, { aheadMs }) => told.push([event, aheadMs]) })
  look()
  put(far)
  look()
  look()
  const before = guard.now()
  guard.trust()
  look()
  pass(1_000)
  expect(guard.now() - before).toBe(far + 1_000)
  put(far)
  look()
  put(-far)
  look()
  expect(told).toEqual([
    ['clock_jumped', far],
    ['clock_right', undefined],
    ['clock_jumped', far],
    ['clock_right', undefined],
  ])
})
