import { beforeEach, describe, expect, it } from 'vitest'
import { MessageMissing, NatsUnreachable, type StreamLog } from '../../../transport/index.js'
import { frameHeaderBytes, readFrame, writeFrame } from '../frame.js'
import type { Frame } from '../journal.js'
import { FrameSource, lineOf } from '../testing/frames.js'
import { openShardJournal, Patience, readShardJournal, type JetStreamLane } from './index.js'
import { SimulatedWorld, type ConnectedProcess } from './testing/simulated-world.js'

const shard = 3
const name = 'SHARD_test_3'

let world: SimulatedWorld
let one: ConnectedProcess
let two: ConnectedProcess

beforeEach(() => {
  world = new SimulatedWorld()
  one = world.process()
  two = world.process()
})

const logOf = (of: ConnectedProcess): Promise<StreamLog> =>
  world.settle(of.nats.stream(name, { replicas: 3 }))

interface Opened {
  readonly lane: JetStreamLane
  readonly lines: string[]
}

async function open(
  of: ConnectedProcess,
  more: Partial<Parameters<typeof openShardJournal>[2]> = {},
): Promise<Opened> {
  const lines: string[] = []
  const scope = { shard, after: 0, owner: 'test', mayAnswer: () => true, ...more }
  const log = await logOf(of)
  const collect = (frame: Frame): void => void lines.push(lineOf(frame))
  const lane = await world.settle(openShardJournal(of.process.env, log, scope, collect))
  return { lane, lines }
}

/** Appends some frames of two turns. @returns them as lines */
async function write(lane: JetStreamLane, source: FrameSource, count: number): Promise<string[]> {
  const lines: string[] = []
  for (let i = 0; i < count; i++) {
    const frame = source.next(shard)
    lines.push(lineOf(frame))
    await world.settle(lane.append([frame]))
  }
  return lines
}

describe('taking a shard over', () => {
  it('X1: every owner has the epoch after the last one', async () => {
    const epochs: number[] = []
    for (let i = 0; i < 4; i++) epochs.push((await open(i % 2 === 0 ? one : two)).lane.epoch)
    expect(epochs).toEqual([1, 2, 3, 4])
  })

  it('X4: the last owner is fenced by its next append, and reads nothing into the stream', async () => {
    const source = new FrameSource()
    const old = await open(one)
    const written = await write(old.lane, source, 3)
    const young = await open(two)
    expect(young.lines).toEqual(written)
    await expect(world.settle(old.lane.append([source.next(shard)]))).rejects.toMatchObject({
      code: 'fenced',
    })
    expect(() => old.lane.isOwner()).toThrow(expect.objectContaining({ code: 'fenced' }))
    expect((await open(one)).lines).toEqual(written)
  })

  it('takes in what the last owner appended until the fence', async () => {
    const source = new FrameSource()
    const old = await open(one)
    const log = await logOf(two)
    const append = old.lane.append([source.next(shard)])
    const scope = { shard, after: 0, owner: 'young', mayAnswer: () => true }
    const young = openShardJournal(two.process.env, log, scope, () => undefined)
    const [durable] = await world.settle(Promise.allSettled([append, young]))
    const kept = (await open(two)).lines
    expect(kept).toHaveLength(durable.status === 'fulfilled' ? 1 : 0)
  })

  it('X3: goes on from where it had read before, and fences only then', async () => {
    const source = new FrameSource()
    const old = await open(one)
    const before = await write(old.lane, source, 5)
    const log = await logOf(two)
    const early: string[] = []
    const place = await world.settle(
      readShardJournal(two.process.env, log, { shard, after: 0 }, (frame) => {
        early.push(lineOf(frame))
      }),
    )
    expect(early).toEqual(before)
    const after = await write(old.lane, source, 3)
    const young = await open(two, { after: place })
    expect(young.lines).toEqual(after)
  })

  it('gives frames after an ordinal only, also when one holds both sides of it', async () => {
    const source = new FrameSource()
    const { lane } = await open(one)
    const lines = await write(lane, source, 40)
    expect((await open(two, { after: 60 })).lines).toEqual(lines.slice(30))
    expect((await open(two, { after: 61 })).lines).toEqual(lines.slice(30))
    expect((await open(two, { after: 80 })).lines).toEqual([])
  })

  it('X5: refuses a stream that ends before what was durable once', async () => {
    const { lane } = await open(one)
    await write(lane, new FrameSource(), 3)
    for (const more of [{ atLeast: 7 }, { after: 8 }]) {
      await expect(open(two, more)).rejects.toMatchObject({ code: 'journal_regressed' })
    }
    expect((await open(two, { atLeast: 6 })).lines).toHaveLength(3)
  })

  it('waits while NATS has no leader, and gives up when told to', async () => {
    world.service.startElection()
    world.kernel.after(20_000, () => world.service.endElection())
    const log = one.nats.stream(name, { replicas: 3 })
    await expect(world.settle(log)).rejects.toThrow(NatsUnreachable)
    await world.pass(20_000)
    expect((await open(one)).lane.epoch).toBe(1)
    world.service.startElection()
    const patience = new Patience(two.process.env)
    world.kernel.after(20_000, () => patience.stop())
    const scope = { shard, after: 0, owner: 'test', mayAnswer: () => true, patience }
    const opening = openShardJournal(
      two.process.env,
      {
        ...{ name, replicas: 3 },
        append: () => Promise.resolve({ outcome: 'unknown', reason: 'no leader' }),
        at: () => Promise.reject(new NatsUnreachable('no leader')),
        bounds: () => Promise.reject(new NatsUnreachable('no leader')),
        read: () => Promise.reject(new NatsUnreachable('no leader')),
        purge: () => Promise.reject(new NatsUnreachable('no leader')),
      },
      scope,
      () => undefined,
    )
    await expect(world.settle(opening)).rejects.toThrow(NatsUnreachable)
  })
})

describe('J4: a damaged stream is refused by name and message', () => {
  async function damagedAt(sequence: number, change: (bytes: Buffer) => void): Promise<void> {
    const { lane } = await open(one)
    await write(lane, new FrameSource(), 5)
    const stream = world.service.stream(name)
    const bytes = Buffer.from(stream.at(sequence)!)
    change(bytes)
    stream.damage(sequence, bytes)
    await expect(open(two)).rejects.toMatchObject({
      code: 'damaged',
      place: { file: name, offset: sequence },
    })
  }

  it.each([2, 4, 6])('a flipped bit in message %i', async (sequence) => {
    await damagedAt(sequence, (bytes) => {
      bytes[frameHeaderBytes + 3]! ^= 1
    })
  })

  it('a message of another shard', async () => {
    const stream = world.service.stream(name)
    const { lane } = await open(one)
    await write(lane, new FrameSource(), 1)
    const foreign = world.service.stream('SHARD_other')
    const scope = { shard: 9, after: 0, owner: 'x', mayAnswer: () => true }
    const log = await world.settle(one.nats.stream('SHARD_other', { replicas: 3 }))
    await world.settle(openShardJournal(one.process.env, log, scope, () => undefined))
    stream.damage(1, foreign.at(1)!)
    await expect(open(two)).rejects.toMatchObject({ code: 'damaged', place: { offset: 1 } })
  })

  it('a message that stands where another should', async () => {
    const { lane } = await open(one)
    await write(lane, new FrameSource(), 5)
    const stream = world.service.stream(name)
    stream.damage(3, stream.at(4)!)
    await expect(open(two)).rejects.toMatchObject({ code: 'damaged', place: { offset: 3 } })
  })

  it('X2: a whole frame that does not follow the message before it', async () => {
    const { lane } = await open(one)
    await write(lane, new FrameSource(), 5)
    const stream = world.service.stream(name)
    const bytes = Buffer.from(stream.at(3)!)
    const frame = readFrame(bytes, 0, bytes.length)!
    writeFrame(frame, frame.epoch, (frame.previousCrc ^ 1) >>> 0, bytes, 0)
    stream.damage(3, bytes)
    await expect(open(two)).rejects.toMatchObject({ code: 'damaged', place: { offset: 3 } })
  })

  it('a newer format', async () => {
    const { lane } = await open(one)
    await write(lane, new FrameSource(), 2)
    const stream = world.service.stream(name)
    const { crc32 } = await import('node:zlib')
    const bytes = Buffer.from(stream.at(3)!)
    bytes.writeUInt16LE(9, 4)
    const length = bytes.readUInt32LE(36)
    const body = bytes.subarray(frameHeaderBytes, frameHeaderBytes + length)
    bytes.writeUInt32LE(crc32(body, crc32(bytes.subarray(0, 40))), 40)
    stream.damage(3, bytes)
    await expect(open(two)).rejects.toMatchObject({ code: 'newer_format' })
  })

  it('a stream whose beginning was cut too far', async () => {
    const { lane } = await open(one)
    await write(lane, new FrameSource(), 5)
    world.service.stream(name).purge(3)
    await expect(open(two)).rejects.toMatchObject({ code: 'damaged' })
    expect((await open(two, { after: 4 })).lines).toHaveLength(3)
    world.service.stream(name).purge(100)
    await expect(open(two, { after: 4 })).rejects.toMatchObject({ code: 'damaged' })
  })
})

describe('a lane', () => {
  it('asks the lease before anything leaves without an append', async () => {
    let lease = true
    const { lane } = await open(one, { mayAnswer: () => lease })
    expect(lane.isOwner()).toBe(true)
    lease = false
    expect(lane.isOwner()).toBe(false)
  })

  it('L3: cuts its stream only after an append that came later, and keeps the newest message', async () => {
    const source = new FrameSource()
    const { lane } = await open(one)
    await write(lane, source, 10)
    await lane.truncate(new Map([[shard, 12]]))
    await world.pass(60_000)
    expect(world.service.stream(name).first).toBe(1)
    await write(lane, source, 1)
    await world.pass(60_000)
    // The fence and six frames of two turns each.
    expect(world.service.stream(name).first).toBe(8)
    expect((await open(two, { after: 12 })).lines).toHaveLength(5)
    const { lane: young } = await open(two, { after: 12 })
    await young.truncate(new Map([[shard, 1_000]]))
    await write(young, source, 1)
    await world.pass(60_000)
    expect(world.service.stream(name).first).toBe(world.service.stream(name).last)
  })

  it('tells of an append that waits, with the reason, and asks ever more seldom', async () => {
    const told: string[] = []
    const log = await logOf(one)
    let full = false
    let asked = 0
    const limited: StreamLog = {
      ...{ name, replicas: log.replicas },
      at: (sequence) => log.at(sequence),
      bounds: () => log.bounds(),
      read: (...words) => log.read(...words),
      purge: (upTo) => log.purge(upTo),
      append: (bytes, after) => {
        asked++
        return full
          ? Promise.resolve({ outcome: 'unknown', reason: 'no space left (10077)' })
          : log.append(bytes, after)
      },
    }
    const listener = {
      waits: (ms: number, why: string) => void told.push(`${Math.floor(ms / 1000)} s: ${why}`),
      goesOn: (ms: number) => void told.push(`goes on after ${Math.floor(ms / 60_000)} min`),
    }
    const scope = { shard, after: 0, owner: 'test', mayAnswer: () => true, listener }
    const lane = await world.settle(
      openShardJournal(one.process.env, limited, scope, () => undefined),
    )
    const source = new FrameSource()
    await write(lane, source, 1)
    full = true
    asked = 0
    const waiting = lane.append([source.next(shard)])
    await world.pass(300_000)
    expect(told[0]).toBe('2 s: no space left (10077)')
    expect(told.length).toBeGreaterThan(5)
    expect(told.length).toBeLessThan(12)
    expect(asked).toBeLessThan(350)
    full = false
    await world.settle(waiting)
    expect(told.at(-1)).toBe('goes on after 5 min')
    await write(lane, source, 3)
    expect(told.at(-1)).toBe('goes on after 5 min')
    expect((await open(two)).lines).toHaveLength(5)
  })

  it('L3: an owner that was succeeded cuts nothing', async () => {
    const source = new FrameSource()
    const { lane } = await open(one)
    await write(lane, source, 10)
    await lane.truncate(new Map([[shard, 12]]))
    await open(two)
    await expect(world.settle(lane.append([source.next(shard)]))).rejects.toMatchObject({
      code: 'fenced',
    })
    await world.pass(60_000)
    expect(world.service.stream(name).first).toBe(1)
  })

  it('tells a reader whose messages were cut meanwhile to begin again', async () => {
    const source = new FrameSource()
    const { lane } = await open(one)
    await write(lane, source, 200)
    const log = await logOf(two)
    let cut = false
    const reading = readShardJournal(two.process.env, log, { shard, after: 0 }, () => {
      if (!cut) world.service.stream(name).purge(150)
      cut = true
    })
    await expect(world.settle(reading)).rejects.toThrow(MessageMissing)
  })

  it('goes on when what was cut meanwhile was not needed', async () => {
    const source = new FrameSource()
    const { lane } = await open(one)
    await write(lane, source, 200)
    const log = await logOf(two)
    let cut = false
    const cutting = Object.create(log, {
      read: {
        value: (...words: Parameters<StreamLog['read']>) => {
          if (!cut) world.service.stream(name).purge(100)
          cut = true
          return log.read(...words)
        },
      },
    }) as StreamLog
    const ordinals: number[] = []
    const scope = { shard, after: 300 }
    await world.settle(
      readShardJournal(two.process.env, cutting, scope, (frame) =>
        ordinals.push(frame.firstOrdinal),
      ),
    )
    expect(cut).toBe(true)
    expect(ordinals[0]).toBe(scope.after + 1)
  })

  it('is given up in the middle of an append that nobody answers', async () => {
    const { lane } = await open(one)
    world.service.startElection()
    const append = lane.append([new FrameSource().next(shard)])
    await Promise.race([append.catch(() => undefined), world.pass(30_000)])
    lane.abandon()
    await expect(world.settle(append)).rejects.toMatchObject({ code: 'fenced' })
  })

  it('fails for good when the stream has lost what it acknowledged', async () => {
    const source = new FrameSource()
    const { lane } = await open(one)
    await write(lane, source, 5)
    const log = await logOf(one)
    const lost: StreamLog = {
      ...log,
      append: () => Promise.resolve({ outcome: 'conflict' }),
      at: () => Promise.resolve(undefined),
      bounds: () => Promise.resolve({ first: 1, last: 2 }),
    }
    const { JetStreamLane: Lane } = await import('./index.js')
    const on = new Lane(one.process.env, lost, { shard, mayAnswer: () => true }, lane.end)
    await expect(world.settle(on.append([source.next(shard)]))).rejects.toMatchObject({
      code: 'journal_failed',
    })
  })
})
