// The probe counts syncs of this process from here on; the loops read it.
import { describe, expect, it } from 'vitest'
import { seeded } from './chance.js'
import { Latencies } from './latencies.js'
import { closedLoop, invalidity, openLoop, type Slot, type Workload } from './loops.js'

/** A system that answers from the event loop, as told. */
class Echo implements Workload {
  issued = 0
  answered = 0
  refusals = 0
  atWork = 0
  atWorkMost = 0
  private readonly answer: (number: number) => Promise<unknown>

  constructor(answer: (number: number) => Promise<unknown>) {
    this.answer = answer
  }

  issue(_slot: Slot): Promise<unknown> {
    this.issued++
    this.atWork++
    this.atWorkMost = Math.max(this.atWorkMost, this.atWork)
    return this.answer(this.issued)
  }

  acknowledged(): void {
    this.answered++
    this.atWork--
  }

  refused(): void {
    this.refusals++
    this.atWork--
  }
}

const soon = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve))

function busyFor(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

describe('a closed loop', () => {
  it('keeps as many at work as its window, and ends with all of them answered', async () => {
    const echo = new Echo(soon)
    const measured = await closedLoop(echo, { seconds: 0.05, window: 7 })
    expect(echo.atWorkMost).toBe(7)
    expect(echo.atWork).toBe(0)
    expect(measured.completed).toBe(echo.answered)
    expect(measured.completed).toBe(echo.issued)
  })

  it('counts refusals apart, with the code of the first', async () => {
    const refuse = async (number: number): Promise<void> => {
      await soon()
      if (number % 2 === 0) throw Object.assign(new Error('no'), { code: 'insufficient_funds' })
    }
    const echo = new Echo(refuse)
    const measured = await closedLoop(echo, { seconds: 0.05, window: 4 })
    expect(measured.refused).toBe(echo.refusals)
    expect(measured.refused).toBeGreaterThan(0)
    expect(measured.completed + measured.refused).toBe(echo.issued)
    expect(measured.refusal).toBe('insufficient_funds')
  })
})

describe('an open loop', () => {
  const chance = seeded(5)

  it('is valid when the system keeps up', async () => {
    const measured = await openLoop(new Echo(soon), { seconds: 0.3, perSecond: 500, chance })
    expect(measured.completed).toBe(measured.offered?.sent)
    expect(measured.offered?.abandoned).toBe(false)
    // Whether this machine kept the rate is its own affair; that it is judged by it is ours.
    expect(invalidity({ ...measured, offered: { ...measured.offered!, kept: 1 } })).toBeUndefined()
  })

  it('is invalid when its own thread could not keep the rate', async () => {
    const slow = new Echo(() => {
      busyFor(5)
      return Promise.resolve()
    })
    const measured = await openLoop(slow, { seconds: 0.2, perSecond: 1_000, chance })
    expect(measured.offered?.kept).toBeLessThan(0.9)
    expect(invalidity(measured)).toMatch(/kept only .* of its rate/)
  })

  it('gives a round up when more comes in than goes out', async () => {
    const held: (() => void)[] = []
    const stuck = new Echo(() => new Promise<void>((resolve) => held.push(resolve)))
    const ending = openLoop(stuck, { seconds: 60, perSecond: 10_000, chance })
    // The bound on unanswered operations ends the plan; then everything is let go.
    while (held.length < 5_000) await soon()
    for (const release of held) release()
    const measured = await ending
    expect(measured.offered).toMatchObject({ abandoned: true, sent: 5_000, backlog: 5_000 })
    expect(invalidity(measured)).toBe('given up: more came in than went out')
  })

  it('counts latency from the planned moment, not from the sending', async () => {
    let first = true
    const stalling = new Echo(() => {
      if (first) busyFor(100)
      first = false
      return Promise.resolve()
    })
    const measured = await openLoop(stalling, { seconds: 0.2, perSecond: 1_000, chance })
    const latencies = new Latencies()
    latencies.addPacked(measured.latency)
    // Half of the plan fell into the stall; each of these waited, though each was answered at once.
    expect(latencies.percentile(75)).toBeGreaterThan(20)
  })

  it('is invalid when payments were refused', async () => {
    const shedding = new Echo(() =>
      Promise.reject(Object.assign(new Error('no'), { code: 'overloaded' })),
    )
    const measured = await openLoop(shedding, { seconds: 0.1, perSecond: 200, chance })
    const judged = { ...measured, offered: { ...measured.offered!, kept: 1 } }
    expect(invalidity(judged)).toMatch(/refused \(overloaded\)/)
  })
})
