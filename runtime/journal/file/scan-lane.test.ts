/** What a paused owner that goes on writes into a lane while its successor reads it. */
import { describe, expect, it } from 'vitest'
import type { Disk } from '../../env/env.js'
import { dataDir, FolderOwner } from '../testing/folder-owner.js'
import { JournalEnv } from '../testing/journal-env.js'
import { noGroup, ShardChains } from './chains.js'
import { groupMagic } from './group.js'
import { segmentPath } from './names.js'
import { scanLane } from './scan-lane.js'

const mebibyte = 1024 * 1024
/** The second segment of a lane, larger than what is read of it at once. */
const second = { epoch: 1, lane: 0, index: 1 }
const names = [{ ...second, index: 0 }, second]

/** A lane whose second segment holds a few groups. */
async function laneOfTwo(): Promise<{ env: JournalEnv; at: number }> {
  const env = new JournalEnv()
  const owner = await FolderOwner.open(env, { segmentBytes: 4 * mebibyte })
  while (owner.lanes[0]!.bytesAppended < 1.2 * mebibyte) await owner.append([0, 1], 50_000)
  const bytes = env.disk.bytesOf(segmentPath(dataDir, second))
  return { env, at: bytes.lastIndexOf(groupMagic) }
}

/** A disk on which the bytes of a segment from an offset on come to be after the first look. */
function writtenMeanwhile(disk: Disk, path: string, from: number): Disk {
  let looks = 0
  return Object.assign(Object.create(disk) as Disk, {
    open: async (name: string, mode: 'read') => {
      const file = await disk.open(name, mode)
      if (name !== path) return file
      const read = async (position: number, length: number): Promise<Uint8Array> => {
        const bytes = Uint8Array.from(await file.read(position, length))
        if (looks++ === 0) bytes.fill(0, from - position)
        return bytes
      }
      return Object.assign(Object.create(file) as typeof file, { read })
    },
  })
}

describe('a lane that is read while its paused owner goes on', () => {
  it('ends before the group that comes meanwhile', async () => {
    const { env, at } = await laneOfTwo()
    const path = segmentPath(dataDir, second)
    const disk = writtenMeanwhile(env.disk, path, at)
    const chains = new ShardChains(new Map())
    const expected = { closed: undefined, announced: () => Promise.resolve(false), start: noGroup }
    const scanned = await scanLane(disk, dataDir, names, chains, expected)
    expect(scanned.torn).toEqual({ file: path, offset: at })
    // The last group that was there at the first look is the one to be written again.
    expect(scanned.carried).toHaveLength(2)
  })
})
