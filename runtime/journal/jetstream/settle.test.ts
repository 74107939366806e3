import { describe, expect, it } from 'vitest'
import { Fault } from '../../errors.js'
import { FrameSource, lineOf } from '../testing/frames.js'
import { openShardJournal, readShardJournal, type JetStreamLane } from './index.js'
import { SimulatedWorld } from './testing/simulated-world.js'

const shard = 0
const stream = 'SHARD_sim_0'

/** What a run saw. */
interface Seen {
  /** Frames whose append resolved, in that order. */
  readonly acknowledged: string[]
  /** Frames whose append was begun. */
  readonly begun: Set<string>
  settledUnknown: number
  fenced: number
}

/** One owner: opens the shard as often as it is let, and appends until it is fenced. */
async function own(world: SimulatedWorld, seen: Seen, mayGoOn: () => boolean): Promise<void> {
  const { process, nats } = world.process()
  const lanes: JetStreamLane[] = []
  trouble(world, process, mayGoOn)
  const scope = { shard, after: 0, owner: 'sim', mayAnswer: () => true }
  const log = await until(() => nats.stream(stream, { replicas: 3 }), world)
  let ordinal = 0
  const lane = await openShardJournal(process.env, log, scope, (frame) => {
    ordinal = frame.firstOrdinal + frame.count - 1
  })
  lanes.push(lane)
  const source = new FrameSource({ [shard]: ordinal })
  while (mayGoOn()) {
    const frame = source.next(shard, 40 + world.random.whole(0, 200), world.random.whole(1, 3))
    const line = `${lane.epoch} ${lineOf(frame)}`
    seen.begun.add(line)
    try {
      await lane.append([frame])
      seen.acknowledged.push(line)
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'fenced') throw error
      seen.fenced++
      return
    }
  }
}

/** Asks until there is an answer. */
async function until<T>(ask: () => Promise<T>, world: SimulatedWorld): Promise<T> {
  for (;;) {
    try {
      return await ask()
    } catch {
      await world.kernel.wait(100)
    }
  }
}

/** Cuts, pauses and perhaps kills a process, while the run goes on. */
function trouble(
  world: SimulatedWorld,
  process: ReturnType<SimulatedWorld['process']>['process'],
  mayGoOn: () => boolean,
): void {
  const { kernel, random, service } = world
  kernel.after(random.exponential(4_000), () => {
    if (!mayGoOn() || !process.alive) return
    const kind = random.pick(['cut', 'pause', 'kill'] as const)
    const lasts = random.exponential(4_000)
    if (kind === 'kill') process.kill()
    else if (kind === 'cut') {
      service.cut(process)
      kernel.after(lasts, () => service.mend(process))
    } else {
      process.pause()
      kernel.after(lasts, () => process.resume())
    }
    trouble(world, process, mayGoOn)
  })
}

/** Elections now and then. */
function elections(world: SimulatedWorld, mayGoOn: () => boolean): void {
  const { kernel, random, service } = world
  kernel.after(random.exponential(5_000), () => {
    if (!mayGoOn()) return
    service.startElection()
    kernel.after(random.exponential(3_000), () => service.endElection())
    elections(world, mayGoOn)
  })
}

/** Runs owners that succeed each other under faults, then reads what is there. */
async function run(seed: number): Promise<{ seen: Seen; kept: string[]; world: SimulatedWorld }> {
  const world = new SimulatedWorld(seed)
  const { kernel, random, weather, service } = world
  Object.assign(weather, {
    replyLoss: random.pick([0, 0.02, 0.2]),
    lateAppend: random.pick([0, 0.02, 0.2]),
    timeoutMs: random.pick([200, 2_000]),
  })
  const seen: Seen = { acknowledged: [], begun: new Set(), settledUnknown: 0, fenced: 0 }
  const end = 30_000
  const mayGoOn = (): boolean => kernel.now < end
  elections(world, mayGoOn)
  const errors: unknown[] = []
  const successor = (): void => {
    if (!mayGoOn()) return
    own(world, seen, mayGoOn).catch((error: unknown) => errors.push(error))
    kernel.after(random.exponential(3_000), successor)
  }
  successor()
  await kernel.run(() => kernel.now >= end)
  service.endElection()
  Object.assign(weather, { replyLoss: 0, lateAppend: 0 })
  // What was late has arrived by now.
  await world.pass(1_000_000)
  expect(errors).toEqual([])
  const { process, nats } = world.process()
  const log = await world.settle(nats.stream(stream, { replicas: 3 }))
  const kept: string[] = []
  await world.settle(
    readShardJournal(process.env, log, { shard, after: 0 }, (frame) => {
      kept.push(`${frame.epoch} ${lineOf(frame)}`)
    }),
  )
  return { seen, kept, world }
}

describe('U1, U2: whatever happens to an append', () => {
  const totals = { acknowledged: 0, fenced: 0, late: 0, lost: 0, cut: 0, election: 0 }

  it.each(Array.from({ length: 60 }, (_, i) => i + 1))(
    'seed %i: what was acknowledged is there once, in order, and nothing else than what was begun',
    async (seed) => {
      const { seen, kept, world } = await run(seed)
      const placeOf = new Map(kept.map((line, i) => [line, i]))
      expect(placeOf.size).toBe(kept.length)
      // A succeeded owner may hear late of what it appended in its time; each by itself hears in order.
      const lastHeard = new Map<string, number>()
      const amiss = seen.acknowledged.filter((line) => {
        const place = placeOf.get(line) ?? -1
        const epoch = line.slice(0, line.indexOf(' '))
        const isNext = place > (lastHeard.get(epoch) ?? -1)
        lastHeard.set(epoch, place)
        return !isNext
      })
      expect(amiss).toEqual([])
      expect(kept.filter((line) => !seen.begun.has(line))).toEqual([])
      totals.acknowledged += seen.acknowledged.length
      totals.fenced += seen.fenced
      totals.late += world.counts.of('nats_late_append')
      totals.lost += world.counts.of('nats_reply_lost')
      totals.cut += world.counts.of('nats_cut')
      totals.election += world.counts.of('nats_election_applied')
    },
  )

  it('every trouble happened', () => {
    for (const [what, count] of Object.entries(totals))
      expect([what, count > 0]).toEqual([what, true])
  })
})
