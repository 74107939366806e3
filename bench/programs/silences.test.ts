import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Silences } from './silences.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

it('tells the longest time between two answers of each shard, a refusal being none', async () => {
  let refusing = false
  const silences = new Silences(2, (shard) =>
    shard === 1 && refusing ? Promise.reject(new Error('not here')) : Promise.resolve(),
  )
  await vi.advanceTimersByTimeAsync(100)
  refusing = true
  await vi.advanceTimersByTimeAsync(400)
  refusing = false
  await vi.advanceTimersByTimeAsync(100)
  const [served, silent] = silences.end()
  expect(served).toBeLessThan(20)
  expect(silent).toBeGreaterThan(380)
  expect(silent).toBeLessThan(420)
})

it('counts a silence that has not ended', async () => {
  const silences = new Silences(1, () => new Promise(() => undefined))
  await vi.advanceTimersByTimeAsync(700)
  expect(silences.end()).toEqual([700])
})
