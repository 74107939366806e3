import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Outage } from './outage.js'

const said: string[] = []
let why: Error | undefined
let looks = 0

function outage(): Outage {
  const whyNot = (): Promise<Error | undefined> => {
    looks++
    return Promise.resolve(why)
  }
  return new Outage({ whyNot, tell: (sentence) => void said.push(sentence) })
}

beforeEach(() => {
  vi.useFakeTimers()
  said.length = 0
  looks = 0
})
afterEach(() => vi.useRealTimers())

it('C20: a reason is told once, another one too, and the end when there was something to tell', async () => {
  const one = outage()
  why = new Error('Refused.')
  one.begin()
  await vi.advanceTimersByTimeAsync(2_900)
  expect(said).toEqual([])
  await vi.advanceTimersByTimeAsync(100 + 6_000 + 12_000)
  expect(said).toEqual(['The connection stays down. Refused.'])
  why = new Error('Expired.')
  await vi.advanceTimersByTimeAsync(24_000)
  one.end()
  expect(said.slice(1)).toEqual(['The connection stays down. Expired.', 'NATS is reached again.'])
  await vi.advanceTimersByTimeAsync(600_000)
  expect(looks).toBe(4)
})

it('C20: a short outage is told of by nobody, nor one whose reason is gone', async () => {
  const one = outage()
  why = new Error('Refused.')
  one.begin()
  await vi.advanceTimersByTimeAsync(1_000)
  one.end()
  why = undefined
  one.begin()
  await vi.advanceTimersByTimeAsync(10_000)
  one.end()
  expect(said).toEqual([])
  why = new Error('Refused.')
  one.begin()
  await vi.advanceTimersByTimeAsync(10_000)
  one.stop()
  expect(said).toEqual(['The connection stays down. Refused.'])
})
