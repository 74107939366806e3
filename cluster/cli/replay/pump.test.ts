import { describe, expect, it } from 'vitest'
import { Fault, Refused } from '../../../runtime/index.js'
import { Pump, type PumpReply } from './pump.js'

const now: PumpReply = { replayed: false }
const before: PumpReply = { replayed: true }

describe('the pump', () => {
  it('W1: never has more in flight than its window', async () => {
    let inFlight = 0
    let most = 0
    const pump = new Pump({
      count: 500,
      window: 16,
      send: async () => {
        most = Math.max(most, ++inFlight)
        await new Promise((resolve) => setImmediate(resolve))
        inFlight--
        return now
      },
    })
    expect(await pump.run()).toMatchObject({ settled: 500, complete: true })
    expect(most).toBe(16)
  })

  it('W2: sends again what may be done or was shed, until it is answered', async () => {
    const sent = new Array<number>(6).fill(0)
    const pump = new Pump({
      count: 6,
      window: 2,
      send: (i) => {
        const time = (sent[i] = (sent[i] ?? 0) + 1)
        if (i === 1 && time < 3) return Promise.reject(new Fault('overloaded'))
        if (i === 2 && time < 2) return Promise.reject(new Fault('outcome_unknown'))
        if (i === 3) return Promise.reject(new Refused('insufficient_funds', 'no'))
        if (i === 4) return Promise.reject(new Fault('idempotency_conflict'))
        return Promise.resolve(i === 5 ? before : now)
      },
    })
    expect(await pump.run()).toMatchObject({
      settled: 3,
      replayed: 1,
      refused: { insufficient_funds: 1, idempotency_conflict: 1 },
      unresolved: {},
      retries: 3,
    })
    expect(sent).toEqual([1, 3, 2, 1, 1, 1])
  })

  it('W3: paces by a rate and charges a slow answer to those behind it', async () => {
    const pump = new Pump({
      count: 40,
      window: 1,
      rate: 2_000,
      send: (i) =>
        i === 0
          ? new Promise((resolve) => setTimeout(() => resolve(now), 60))
          : Promise.resolve(now),
    })
    const { seconds, latency, settled } = await pump.run()
    expect(settled).toBe(40)
    expect(seconds).toBeGreaterThan(0.019)
    // All 40 were meant to leave within 20 ms, behind an answer of 60 ms.
    expect(latency.summary().p50).toBeGreaterThan(30)
  })

  it('ends at once when the runtime has ended', async () => {
    const pump = new Pump({
      count: 10,
      window: 2,
      send: (i) => (i === 3 ? Promise.reject(new Fault('fenced')) : Promise.resolve(now)),
    })
    await expect(pump.run()).rejects.toMatchObject({ code: 'fenced' })
  })

  it('stops on request when all in flight is answered', async () => {
    const pump: Pump = new Pump({
      count: 1_000,
      window: 4,
      send: (i) => {
        if (i === 20) pump.stop()
        return Promise.resolve(now)
      },
    })
    const { complete, settled } = await pump.run()
    expect(complete).toBe(false)
    expect(settled).toBeGreaterThanOrEqual(21)
    expect(settled).toBeLessThan(40)
  })

  it('is done with nothing to do', async () => {
    const pump = new Pump({ count: 0, window: 4, send: () => Promise.resolve(now) })
    expect(await pump.run()).toMatchObject({ settled: 0, complete: true })
  })
})
