import { expect, it } from 'vitest'
import { Pace } from './pace.js'

/** A pace on a clock that moves when somebody rests or works. */
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
        soon: (run) => {
          rests.push(0)
          queueMicrotask(run)
        },
      },
    },
    haste,
  )
  const work = (ms: number) => void (now += ms)
  /** Makes one piece, which takes so long. */
  const make = (ms: number): void => {
    const blocks = (function* () {
      work(ms)
      yield new Uint8Array(1)
    })()
    for (const block of pace.timed(blocks)) expect(block).toHaveLength(1)
  }
  return { pace, rests, work, make, now: () => now }
}

it('N6: at ease pieces are small and rests several times longer than the work, but bounded', async () => {
  const { pace, rests, make: makePiece } = make(() => 0)
  for (const ms of [2, 0, 500]) {
    makePiece(ms)
    await pace.rest()
  }
  expect(rests).toEqual([16, 1, 20])
  expect(pace.pieceBytes).toBe(64 * 1024)
})

it('N6: what waits for the disk is no work, but between shards it counts', async () => {
  const { pace, rests, work, now } = make(() => 0)
  work(30)
  await pace.rest()
  const begunAt = now()
  work(40)
  await pace.restBetweenShards(begunAt)
  work(700)
  await pace.restBetweenShards(begunAt)
  expect(rests).toEqual([1, 40, 100])
})

it('N6: with more haste pieces grow and rests shrink, to a look at what else waits', async () => {
  let haste = 0.5
  const { pace, rests, make: makePiece } = make(() => haste)
  makePiece(2)
  await pace.rest()
  expect(pace.pieceBytes).toBe(288 * 1024)
  haste = 1
  makePiece(2)
  await pace.rest()
  expect(rests).toEqual([8, 0])
  expect(pace.pieceBytes).toBe(512 * 1024)
})

it('N6: writers that rest at once go on one after the other', async () => {
  const { pace, rests, make: makePiece } = make(() => 0)
  const order: string[] = []
  const rested = ['first', 'second', 'third'].map(async (writer) => {
    makePiece(1)
    await pace.rest()
    order.push(`${writer} after ${rests.length}`)
  })
  await Promise.all(rested)
  expect(order).toEqual(['first after 1', 'second after 2', 'third after 3'])
})
