/**
 * One segment of 64 KiB, full of real groups, cut at every byte and flipped at every bit: what a start
 * makes of it is known beforehand for each of them.
 *
 * All 2 × 524,288 flips take minutes and are done with SUANPAN_EXHAUSTIVE=1 (`npm run crash --
 * --exhaustive`). Otherwise it is one bit, drawn by chance, of every seventh byte, which is each byte of
 * a number in turn, and every bit of all bytes of the header, of the first and the last two groups'
 * headers and frame headers, and of the first bytes behind the end.
 */
import { describe, expect, it } from 'vitest'
import { OpenRefused } from '../../errors.js'
import { dataDir, FolderOwner, seeded } from '../testing/folder-owner.js'
import { JournalEnv } from '../testing/journal-env.js'
import { scanLineage } from './index.js'
import { noGroup, ShardChains } from './chains.js'
import { groupMagic } from './group.js'
import { segmentPath } from './names.js'
import type { LaneEnd } from './records.js'
import { scanLane } from './scan-lane.js'
import { segmentHeaderBytes } from './segment.js'

const segmentBytes = 64 * 1024
const name = { epoch: 1, lane: 0, index: 0 }
const path = segmentPath(dataDir, name)
const exhaustive = process.env['SUANPAN_EXHAUSTIVE'] === '1'
/** A group's header and that of its first frame. */
const headerBytes = 96

/** A folder whose only segment is nearly full, with what was acknowledged after each group. */
interface Folder {
  readonly env: JournalEnv
  readonly bytes: Buffer
  /** Offset of each group, and of the end of the last one. */
  readonly offsets: readonly number[]
  /** Ordinals of the shards after so many groups, as text to compare. */
  readonly prefixes: readonly string[]
  readonly closed: LaneEnd | undefined
}

const ordinals = (of: ReadonlyMap<number, number>): string =>
  [...of]
    .filter(([, ordinal]) => ordinal > 0)
    .sort(([a], [b]) => a - b)
    .join(' ')

async function folderOf(end: 'crash' | 'close'): Promise<Folder> {
  const env = new JournalEnv()
  const owner = await FolderOwner.open(env, { segmentBytes })
  const prefixes = ['']
  const groups = [[0], [1, 2, 3], [0, 1, 2, 3], [2], [3, 0]]
  for (let i = 0; owner.lanes[0]!.bytesAppended < segmentBytes - 4_096; i++) {
    await owner.append(groups[i % groups.length]!, 30 + ((i * 397) % 900))
    prefixes.push(ordinals(owner.acknowledged))
  }
  // The successor is made in the background; it stays empty and is of no matter here.
  await new Promise<void>((resolve) => setImmediate(resolve))
  if (end === 'close') await owner.close()
  const copy = new JournalEnv(env.disk.copy(), 2)
  const bytes = copy.disk.bytesOf(path)
  const offsets: number[] = []
  for (let at = bytes.indexOf(groupMagic); at >= 0; at = bytes.indexOf(groupMagic, at + 1)) {
    if (at % 8 === 0) offsets.push(at)
  }
  // The seal is a group too, without frames.
  const seal = end === 'close' ? offsets[offsets.length - 1]! : undefined
  const last = offsets[offsets.length - 1]!
  offsets.push(last + Math.ceil((40 + bytes.readUInt32LE(last + 8)) / 8) * 8)
  const closed =
    seal === undefined
      ? undefined
      : { lane: 0, index: 0, offset: seal, crc: bytes.readUInt32LE(seal + 32) }
  return { env: copy, bytes, offsets, prefixes, closed }
}

/** What a start makes of the lane, by the code a start runs; as one line to compare. */
async function verdict({ env, closed }: Folder): Promise<string> {
  const chains = new ShardChains(new Map())
  const expectations = { closed, announced: () => Promise.resolve(false), start: noGroup }
  try {
    const { torn } = await scanLane(env.disk, dataDir, [name], chains, expectations)
    const kept = ordinals(new Map([...chains.heads].map(([shard, head]) => [shard, head.ordinal])))
    return torn === undefined ? `whole: ${kept}` : `torn at ${torn.offset}: ${kept}`
  } catch (error) {
    if (!(error instanceof OpenRefused) || error.code !== 'damaged') throw error
    return `refused at ${error.place?.file ?? '?'} ${error.place?.offset ?? '?'}`
  }
}

/** What it must make of a segment in which one bit of a byte is wrong. */
function expected({ offsets, prefixes, closed }: Folder, at: number): string {
  const end = offsets[offsets.length - 1]!
  const all = prefixes[prefixes.length - 1]!
  if (at < segmentHeaderBytes) return `refused at ${path} 0`
  const group = offsets.findLastIndex((offset) => offset <= at)
  if (at >= end) {
    // Nothing was written there: nothing is lost, but it is no work of ours.
    return closed === undefined ? `torn at ${end}: ${all}` : `refused at ${path} ${end}`
  }
  const isLast = group === offsets.length - 2
  if (closed === undefined && isLast) return `torn at ${offsets[group]!}: ${prefixes[group]!}`
  return `refused at ${path} ${offsets[group]!}`
}

/** Bits of a byte that are tried. */
function bitsAt({ offsets }: Folder, at: number, chance: () => number): readonly number[] {
  const group = offsets.findLastIndex((offset) => offset <= at)
  const isEnd = group === 0 || group >= offsets.length - 3
  const isHeader = isEnd && at < (offsets[group] ?? 0) + headerBytes
  if (exhaustive || at < segmentHeaderBytes || isHeader) return [0, 1, 2, 3, 4, 5, 6, 7]
  return at % 7 !== 0 ? [] : [Math.floor(chance() * 8)]
}

describe('a segment of 64 KiB', () => {
  it('is full of groups of every shape, and reads whole', async () => {
    const folder = await folderOf('crash')
    expect(folder.offsets.length).toBe(folder.prefixes.length)
    expect(folder.offsets.length).toBeGreaterThan(40)
    expect(folder.offsets[folder.offsets.length - 1]).toBeGreaterThan(segmentBytes - 5_000)
    expect(await verdict(folder)).toBe(`whole: ${folder.prefixes[folder.prefixes.length - 1]!}`)
    const { report } = await scanLineage(folder.env.disk, dataDir)
    expect(report).toEqual({ clean: false, tornTails: [] })
  })

  it.each(['crash', 'close'] as const)(
    'after a %s, flipped at any bit: the acknowledged prefix, or a refusal that names the place',
    async (end) => {
      const folder = await folderOf(end)
      const { bytes } = folder
      const chance = seeded(64)
      for (let at = 0; at < segmentBytes; at++) {
        const due = expected(folder, at)
        for (const bit of bitsAt(folder, at, chance)) {
          bytes[at]! ^= 1 << bit
          const found = await verdict(folder)
          bytes[at]! ^= 1 << bit
          if (found !== due) expect([at, bit, found]).toEqual([at, bit, due])
        }
      }
    },
    exhaustive ? 1_800_000 : 240_000,
  )

  it.each(['crash', 'close'] as const)(
    'after a %s, cut at any byte: refused, because segments have a fixed size',
    async (end) => {
      const folder = await folderOf(end)
      const whole = Buffer.from(folder.bytes)
      for (let length = 0; length < segmentBytes; length++) {
        folder.env.disk.replace(path, whole.subarray(0, length))
        const found = await verdict(folder)
        const place = length < segmentHeaderBytes ? 0 : length
        if (found !== `refused at ${path} ${place}`) expect([length, found]).toBe('refused')
      }
    },
  )
})
