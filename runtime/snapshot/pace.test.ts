import { expect, it } from 'vitest'
import { Pace } from './pace.js'

function make(haste: () => number) {
  let now = 0
  const rests: number[] = []
  const pace = new Pace(
    {
      clock: { now: () => now, monotonic: () => now },
      timers: {
        after: (ms, run) => {
          rests.push(ms)
          now += ms
          queueMicrotask(run)
          return { cancel: () => undefined }
        },
        soon: queueMicrotask,
      },
    },
    haste,
  )
  return { pace, rests, work: (ms: number) => void (now += ms) }
}

it('N6: at ease pieces are small and rests longer than the work, but bounded', async () => {
  const { pace, rests, work } = make(() => 0)
  for (const ms of [3, 0, 500]) {
    work(ms)
    await pace.rest()
  }
  work(5)
  await pace.rest('shard')
  expect(rests).toEqual([6, 1, 100, 20])
  expect(pace.pieceBytes).toBe(64 * 1024)
})

it('N6: with more haste pieces grow and rests shrink, to none', async () => {
  let haste = 0.5
  const { pace, rests, work } = make(() => haste)
  work(8)
  await pace.rest()
  expect(pace.pieceBytes).toBe(288 * 1024)
  haste = 1
  work(8)
  await pace.rest()
  expect(rests).toEqual([8])
  expect(pace.pieceBytes).toBe(512 * 1024)
})
