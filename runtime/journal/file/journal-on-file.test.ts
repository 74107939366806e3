import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OpenRefused } from '../../errors.js'
import { ManualEnv } from '../../testing/manual-env.js'
import type { MemoryDisk } from '../../testing/memory-disk.js'
import type { Frame, FrameDraft } from '../journal.js'
import {
  openFolder,
  openLane,
  readFrames,
  scanLineage,
  type FileLane,
  type JournalFolder,
} from './index.js'

const dataDir = '/data'
const shards = 4

/** Frames of one group: which shards get how many turns, told by the body. */
type GroupDraft = readonly (readonly [shard: number, count: number])[]

/** A folder with lanes, and what was acknowledged in it, by shard. */
class Owner {
  readonly ordinals = new Map<number, number>()
  lanes: FileLane[] = []
  folder!: JournalFolder
  readonly env: ManualEnv

  constructor(env: ManualEnv) {
    this.env = env
  }

  async open(lanes: number, segmentBytes = 1024, takeOver = false): Promise<this> {
    this.folder = await openFolder(this.env, { dataDir, shards, segmentBytes, takeOver })
    for (const frame of await frames(this.env, this.folder)) {
      this.ordinals.set(frame.shard, frame.firstOrdinal + frame.count - 1)
    }
    this.lanes = []
    for (let lane = 0; lane < lanes; lane++) {
      const own = [0, 1, 2, 3].filter((shard) => shard % lanes === lane)
      this.lanes.push(await openLane(this.env, this.folder.plan, lane, new Set(own)))
    }
    return this
  }

  /** Appends one group to one lane and counts it as acknowledged when it resolves. */
  async append(lane: number, group: GroupDraft): Promise<void> {
    const drafts = group.map(([shard, count]): FrameDraft => {
      const firstOrdinal = (this.ordinals.get(shard) ?? 0) + 1
      const body = Buffer.from(`shard ${shard} from ${firstOrdinal} count ${count}`)
      return { shard, firstOrdinal, count, time: 1_000 + firstOrdinal, body }
    })
    await this.lanes[lane]!.append(drafts)
    for (const { shard, firstOrdinal, count } of drafts) {
      this.ordinals.set(shard, firstOrdinal + count - 1)
    }
  }

  async close(): Promise<void> {
    for (const lane of this.lanes) await lane.seal()
    await this.folder.close(this.lanes.map((lane) => lane.end))
  }
}

async function frames(env: ManualEnv, folder: JournalFolder): Promise<Frame[]> {
  const read: Frame[] = []
  await readFrames(env, folder.plan, new Set([0, 1, 2, 3]), new Map(), (frame) => {
    expect(Buffer.from(frame.body).toString()).toBe(
      `shard ${frame.shard} from ${frame.firstOrdinal} count ${frame.count}`,
    )
    read.push(frame)
  })
  const ends = new Map<number, number>()
  for (const { shard, firstOrdinal, count } of read) {
    expect(firstOrdinal).toBe((ends.get(shard) ?? 0) + 1)
    ends.set(shard, firstOrdinal + count - 1)
  }
  return read
}

/** Opens again as a new process would, and returns the newest ordinals. */
async function reopened(env: ManualEnv, lanes = 1): Promise<Owner> {
  return new Owner(env).open(lanes)
}

const three: GroupDraft[] = [
  [
    [0, 2],
    [1, 1],
  ],
  [[1, 3]],
  [
    [0, 1],
    [2, 4],
  ],
]

async function written(groups: readonly GroupDraft[] = three): Promise<Owner> {
  const owner = await new Owner(new ManualEnv()).open(1)
  for (const group of groups) await owner.append(0, group)
  return owner
}

function segmentPath(disk: MemoryDisk): string {
  return disk.paths().find((path) => path.endsWith('.seg'))!
}

/** What a scan says of a damaged copy: refused, or the ordinals it kept. */
async function verdict(disk: MemoryDisk): Promise<string> {
  try {
    const { scan, report } = await scanLineage(disk, dataDir)
    const ordinals = [...scan.heads]
      .sort(([a], [b]) => a - b)
      .map(([s, head]) => `${s}:${head.ordinal}`)
    return `${ordinals.join(' ')}${report.tornTails.length > 0 ? ' torn' : ''}`
  } catch (error) {
    if (!(error instanceof OpenRefused)) throw error
    expect(error.code).toBe('damaged')
    expect(error.message).toContain(error.place!.file)
    return 'refused'
  }
}

describe('the journal on file', () => {
  it('reads back what was appended, over restarts, lane counts and segment changes', async () => {
    const group = fc.uniqueArray(fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 9 })), {
      minLength: 1,
      selector: ([shard]) => shard,
    })
    const session = fc.record({
      lanes: fc.integer({ min: 1, max: 3 }),
      groups: fc.array(group, { maxLength: 12 }),
      end: fc.constantFrom('close' as const, 'crash' as const, 'kill' as const),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(session, { minLength: 1, maxLength: 5 }), async (sessions) => {
        const env = new ManualEnv()
        let expected = new Map<number, number>()
        for (const { lanes, groups, end } of sessions) {
          const owner = await new Owner(env).open(lanes)
          expect(owner.ordinals).toEqual(expected)
          for (const drafts of groups) {
            for (let lane = 0; lane < lanes; lane++) {
              const own = drafts.filter(([shard]) => shard % lanes === lane)
              if (own.length > 0) await owner.append(lane, own)
            }
          }
          expected = new Map(owner.ordinals)
          if (end === 'close') await owner.close()
          else if (end === 'crash') env.disk.crash()
        }
        expect((await reopened(env)).ordinals).toEqual(expected)
      }),
      { numRuns: 60 },
    )
  })

  it('a group larger than a segment gets a segment of its own', async () => {
    const owner = await written()
    const huge = { shard: 3, firstOrdinal: 1, count: 1, time: 1, body: Buffer.alloc(5_000) }
    await owner.lanes[0]!.append([huge])
    owner.ordinals.set(3, 1)
    await owner.append(0, [[0, 1]])
    const { scan } = await scanLineage(owner.env.disk, dataDir)
    expect(scan.heads.get(3)!.ordinal).toBe(1)
    expect(scan.heads.get(0)!.ordinal).toBe(4)
  })

  it('W3–W5: any flipped bit leaves the exact acknowledged prefix, or is refused', async () => {
    const { env } = await written()
    const path = segmentPath(env.disk)
    const good = Buffer.from(env.disk.bytesOf(path))
    const whole = await verdict(env.disk)
    const withoutLast = '0:2 1:4 torn'
    const seen = new Set<string>()
    for (let bit = 0; bit < good.length * 8; bit++) {
      const bytes = Buffer.from(good)
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      env.disk.overwrite(path, bytes)
      const result = await verdict(env.disk)
      seen.add(result)
      expect(['refused', withoutLast, `${whole} torn`]).toContain(result)
    }
    expect(seen).toEqual(new Set(['refused', withoutLast, `${whole} torn`]))
  })

  it('W5: a last group torn at any byte is dropped and reported; nothing before it is', async () => {
    const { env } = await written()
    const path = segmentPath(env.disk)
    const good = Buffer.from(env.disk.bytesOf(path))
    const end = good.findLastIndex((byte) => byte !== 0) + 1
    const start = good.lastIndexOf('SGRP')
    for (const filler of [0, 0xa5]) {
      for (let at = start; at < end; at++) {
        env.disk.overwrite(path, Buffer.from(good).fill(filler, at, at + 64))
        const result = await verdict(env.disk)
        expect(result.startsWith('0:2 1:4')).toBe(true)
        expect(result.includes('2:')).toBe(false)
      }
    }
  })

  it('F4: a segment cut at any byte is refused', async () => {
    const { env } = await written()
    const path = segmentPath(env.disk)
    const good = Buffer.from(env.disk.bytesOf(path))
    for (let length = 0; length < good.length; length++) {
      env.disk.overwrite(path, Buffer.from(good.subarray(0, length)))
      expect(await verdict(env.disk)).toBe('refused')
    }
  })

  it('W7: after a clean close every flipped bit, cut and missing file is refused', async () => {
    const owner = await written()
    await owner.close()
    const { disk } = owner.env
    expect(await verdict(disk)).toBe('0:3 1:4 2:4')
    for (const path of disk.paths().filter((name) => /\.(seg|closed|adopted)$/.test(name))) {
      const good = Buffer.from(disk.bytesOf(path))
      for (let bit = 0; bit < good.length * 8; bit++) {
        const bytes = Buffer.from(good)
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        disk.overwrite(path, bytes)
        expect([path, bit, await verdict(disk)]).toEqual([path, bit, 'refused'])
      }
      disk.overwrite(path, good)
    }
    await disk.remove(segmentPath(disk))
    expect(await verdict(disk)).toBe('refused')
  })

  it('recovers from a crash at every step of a recovery, three in a row', async () => {
    const { env, ordinals } = await written()
    const whole = new Map(ordinals)
    for (let step = 1; ; step++) {
      const disk = env.disk.copy()
      let survived = 0
      for (let crash = 0; crash < 3; crash++) {
        disk.failFrom({ atOperation: step, code: 'EIO' })
        const trial = new ManualEnv()
        trial.disk = disk
        const opened = await new Owner(trial).open(1).then(
          () => true,
          () => false,
        )
        if (opened) survived++
        disk.crash()
      }
      const trial = new ManualEnv()
      trial.disk = disk
      expect((await reopened(trial)).ordinals).toEqual(whole)
      if (survived === 3) return
    }
  })

  it('F7: after a failed write, sync or full disk nothing more is taken, and the prefix is kept', async () => {
    for (const code of ['EIO', 'ENOSPC'] as const) {
      for (let operation = 1; operation <= 2; operation++) {
        const owner = await written()
        const acknowledged = new Map(owner.ordinals)
        owner.env.disk.failFrom({ atOperation: operation, code })
        await expect(owner.append(0, [[0, 1]])).rejects.toMatchObject({ code: 'journal_failed' })
        await expect(owner.append(0, [[0, 1]])).rejects.toMatchObject({ code: 'journal_failed' })
        owner.env.disk.crash()
        expect((await reopened(owner.env)).ordinals).toEqual(acknowledged)
      }
    }
  })

  it('F6: an owner that was succeeded acknowledges nothing, and what it writes is nobody’s', async () => {
    const zombie = await written()
    zombie.env.fate = 'paused'
    const successor = new ManualEnv()
    successor.disk = zombie.env.disk
    successor.fate = 'paused'
    const owner = await new Owner(successor).open(1)
    await expect(zombie.append(0, [[0, 1]])).rejects.toMatchObject({ code: 'fenced' })
    await owner.append(0, [[0, 5]])
    const expected = new Map(owner.ordinals)
    successor.disk.crash()
    expect((await reopened(successor)).ordinals).toEqual(expected)
  })

  it('refuses a second owner while the first lives, unless it is told to take over a silent one', async () => {
    const owner = await written()
    owner.env.fate = 'running'
    await expect(reopened(owner.env)).rejects.toMatchObject({ code: 'data_dir_in_use' })
    owner.folder.stopHeartbeat()
    await owner.env.advance(11_000)
    await expect(reopened(owner.env)).rejects.toThrow('take over')
    await expect(new Owner(owner.env).open(1, 1024, true)).resolves.toBeDefined()
    await expect(owner.append(0, [[0, 1]])).rejects.toMatchObject({ code: 'fenced' })
  })

  it('checks the shard count on reopening', async () => {
    const owner = await written()
    await owner.close()
    const other = openFolder(owner.env, { dataDir, shards: 8, takeOver: false })
    await expect(other).rejects.toMatchObject({ code: 'shards_differ' })
    await expect(other).rejects.toThrow('4 shards')
  })

  it('lets segments go that every shard has snapshots past, from the oldest on', async () => {
    const owner = await written()
    for (let i = 0; i < 40; i++) await owner.append(0, [[i % 4, 3]])
    const segments = (): number =>
      owner.env.disk.paths().filter((path) => path.endsWith('.seg')).length
    const before = segments()
    expect(before).toBeGreaterThan(4)
    await owner.lanes[0]!.truncate(new Map([[0, 1e9]]))
    expect(segments()).toBe(before)
    await owner.lanes[0]!.truncate(new Map([0, 1, 2, 3].map((shard) => [shard, 1e9])))
    expect(segments()).toBeLessThan(4)
    const after = new Map(owner.ordinals)
    owner.env.disk.crash()
    const { scan } = await scanLineage(owner.env.disk, dataDir)
    for (const [shard, ordinal] of after)
      expect(scan.heads.get(shard)?.ordinal ?? ordinal).toBe(ordinal)
  })
})
