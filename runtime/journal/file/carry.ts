/**
 * Carrying last groups over: what an opener found at the end of each lane may be in the page cache
 * and not on the disk, so it is written again where it is certain, before anything is served.
 */
import type { Env } from '../../env/env.js'
import { frameBytes, lastOrdinalOf, type ChainedFrame } from '../frame.js'
import { noGroup, type GroupHead, type ShardHead } from './chains.js'
import { groupFlags, groupHeaderBytes, GroupWriter } from './group.js'
import { carriedLane } from './names.js'
import type { ScannedSegment } from './scan-lane.js'
import { createSegment, segmentHeaderBytes, wholeBlocks } from './segment.js'

/** @returns the segment the last groups were written to; undefined when there are none */
export async function carryLastGroups(
  env: Env,
  dataDir: string,
  epoch: number,
  shards: number,
  groups: readonly (readonly ChainedFrame[])[],
): Promise<ScannedSegment | undefined> {
  if (groups.length === 0) return undefined
  const name = { epoch, lane: carriedLane, index: 0 }
  const size = groups.reduce(
    (sum, frames) => sum + wholeBlocks(groupHeaderBytes + contentBytes(frames)),
    segmentHeaderBytes,
  )
  const { header, file } = await createSegment(env, dataDir, { ...name, size, shards })
  const heads = new Map<number, ShardHead>()
  let head: GroupHead = noGroup
  try {
    const writer = new GroupWriter()
    let at = segmentHeaderBytes
    for (const frames of groups) {
      writer.begin(contentBytes(frames))
      // Frames keep the epoch, chain and checksum they were written with.
      for (const frame of frames) {
        writer.add(frame, frame.epoch, frame.previousCrc)
        heads.set(frame.shard, { ordinal: lastOrdinalOf(frame), crc: frame.crc })
      }
      const group = writer.finish(header.tag, head, groupFlags.carried)
      await file.write(group.bytes, at)
      at += group.bytes.length
      head = group.head
    }
    await file.sync()
  } finally {
    await file.close()
  }
  return { ...name, tag: header.tag, bytes: size, start: noGroup, end: head, heads }
}

function contentBytes(frames: readonly ChainedFrame[]): number {
  return frames.reduce((sum, frame) => sum + frameBytes(frame), 0)
}
