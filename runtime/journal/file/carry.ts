/**
 * Carrying last groups over: what an opener found at the end of each lane may be in the page cache
 * and not on the disk, so it is written again where it is certain, before anything is served.
 */
import type { Disk } from '../../env/env.js'
import { frameBytes, lastOrdinalOf, writeFrame, type ChainedFrame } from '../frame.js'
import { finishGroup, groupFlags, groupHeaderBytes } from './group.js'
import { carriedLane, type Lineage } from './lineage.js'
import { folders } from './records.js'
import { join } from 'node:path'
import type { SegmentPlan } from './scan.js'
import { createSegment, segmentHeaderBytes, segmentName } from './segment.js'

/** @returns the segment the last frames were written to; undefined when there were none */
export async function carryLastGroups(
  disk: Disk,
  dataDir: string,
  epoch: number,
  shards: number,
  lineage: Lineage,
): Promise<SegmentPlan | undefined> {
  const frames = lineage.lastFrames
  if (frames.length === 0) return undefined
  const folder = folders.journal(dataDir)
  const identity = { epoch, lane: carriedLane, index: 1 }
  const bytes = encodeGroup(frames, identity)
  const size = segmentHeaderBytes + bytes.length
  const file = await createSegment(disk, folder, { ...identity, size, shards })
  try {
    await file.write(bytes, segmentHeaderBytes)
    await file.sync()
  } finally {
    await file.close()
  }
  const lastOrdinals: Record<number, number> = {}
  for (const frame of frames) lastOrdinals[frame.shard] = lastOrdinalOf(frame)
  return { ...identity, path: join(folder, segmentName(identity)), validBytes: size, lastOrdinals }
}

/** Frames keep the epoch, chain and checksum they were written with. */
function encodeGroup(
  frames: readonly ChainedFrame[],
  identity: { epoch: number; lane: number; index: number },
): Buffer {
  const length = frames.reduce((sum, frame) => sum + frameBytes(frame), groupHeaderBytes)
  const bytes = Buffer.alloc(length)
  let at = groupHeaderBytes
  for (const frame of frames) {
    writeFrame(frame, frame.epoch, frame.previousCrc, bytes, at)
    at += frameBytes(frame)
  }
  finishGroup(bytes, length, identity, {
    flags: groupFlags.carried,
    sequence: 1,
    previousCrc: 0,
    frameCount: frames.length,
  })
  return bytes
}
