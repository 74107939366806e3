import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { defineActor } from '../../runtime/index.js'
import {
  fairWeather,
  FaultCounts,
  Kernel,
  Random,
  SimulatedNatsService,
  SimulatedProcess,
} from '../../runtime/simulation/index.js'
import { NodeLife } from '../simulation/simulated-node.js'

const purse = defineActor({ kind: 'purse', state: {}, events: {}, commands: {}, queries: {} })
const options = { actors: { definitions: [purse] }, shards: 4 }

let kernel: Kernel
let service: SimulatedNatsService
let lives: NodeLife[]
let told: string[]
let failures: unknown[]

async function until(what: string, holds: () => boolean, ms = 60_000): Promise<void> {
  const end = kernel.now + ms
  if (!(await kernel.run(() => holds() || kernel.now > end)) || !holds())
    throw new Error(`${what} has not come: ${told.join(' ')}`)
}

const serves = ({ node }: NodeLife): boolean => node?.ready === true && node.complete

beforeEach(async () => {
  kernel = new Kernel()
  told = []
  failures = []
  const random = new Random(1, 'clock')
  service = new SimulatedNatsService({
    kernel,
    random,
    weather: fairWeather(),
    counts: new FaultCounts(),
  })
  lives = [1, 2].map((pid) => {
    const process = new SimulatedProcess(
      kernel,
      undefined,
      new FaultCounts(),
      random,
      pid,
      () => 'running',
    )
    return new NodeLife(`node-${pid}`, process, service, options, {
      report: (event) => void told.push(event),
      appends: () => undefined,
      failed: (error) => void failures.push(error),
    })
  })
  // Within what a clock may be off.
  lives[0]!.process.shiftClock(-40_000, 'clock_skew')
  for (const life of lives) void life.start()
  await until('a cluster', () => lives.every(serves))
})

afterEach(() => {
  for (const { node } of lives) node?.stop()
})

describe('M4: a wall clock that leaps ahead of the monotonic one', () => {
  it('is followed again when NATS agrees with it, as after a machine stood still', async () => {
    const [life] = lives
    life!.process.shiftClock(70_000, 'clock_jump')
    await until('the leap', () => told.includes('clock_jumped'))
    expect(serves(life!)).toBe(false)
    expect(life!.node!.clockBelieved).toBe(false)
    await until('trust', () => told.includes('clock_right') && serves(life!))
    expect(failures).toEqual([])
    // From where it is now: what went by is no leap any more.
    await until('time', () => false, 5_000).catch(() => undefined)
    expect(told.filter((event) => event === 'clock_jumped')).toHaveLength(1)
  })

  it('ends the node when NATS does not', async () => {
    lives[0]!.process.shiftClock(40_000 + 120_000, 'clock_jump')
    await until('the end', () => failures.length > 0)
    expect(failures).toEqual([
      expect.objectContaining({
        code: 'clock_off',
        message: expect.stringContaining('120 s ahead of that of the NATS servers') as string,
      }),
    ])
    expect(lives[0]!.node!.ready).toBe(false)
    await until('time', () => false, 5_000).catch(() => undefined)
    expect(failures).toHaveLength(1)
  })

  it('is neither followed nor the end while NATS can not be asked, and is forgotten when it is set right', async () => {
    const [life] = lives
    service.cut(life!.process, 'both')
    life!.process.shiftClock(160_000, 'clock_jump')
    await until('the leap', () => told.includes('clock_jumped'))
    await until('time', () => false, 10_000).catch(() => undefined)
    expect(life!.node!.clockBelieved).toBe(false)
    life!.process.shiftClock(-160_000, 'clock_jump')
    service.mend(life!.process)
    await until('readiness', () => serves(life!))
    expect(told).toContain('clock_right')
    expect(failures).toEqual([])
  })
})
