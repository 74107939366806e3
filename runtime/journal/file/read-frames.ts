/** Reads the frames of some shards back, in order, one segment in memory at a time. */
import type { Env } from '../../env/env.js'
import { lastOrdinalOf } from '../frame.js'
import type { Frame } from '../journal.js'
import { framesOf, readGroup } from './group.js'
import type { FolderPlan } from './plan.js'
import { damage, type SegmentPlan } from './scan.js'
import { segmentHeaderBytes } from './segment.js'

/**
 * @param after by shard: frames up to this ordinal are not needed
 * @throws OpenRefused damaged
 */
export async function readFrames(
  env: Env,
  plan: FolderPlan,
  shards: ReadonlySet<number>,
  after: ReadonlyMap<number, number>,
  onFrame: (frame: Frame) => void,
): Promise<void> {
  for (const segment of plan.segments) {
    const needed = Object.entries(segment.lastOrdinals).some(
      ([shard, last]) => shards.has(Number(shard)) && last > (after.get(Number(shard)) ?? 0),
    )
    if (needed) await readSegmentFrames(env, segment, shards, after, onFrame)
  }
}

async function readSegmentFrames(
  env: Env,
  segment: SegmentPlan,
  shards: ReadonlySet<number>,
  after: ReadonlyMap<number, number>,
  onFrame: (frame: Frame) => void,
): Promise<void> {
  const file = await env.disk.open(segment.path, 'read')
  try {
    const read = await file.read(0, segment.validBytes)
    const bytes = Buffer.from(read.buffer, read.byteOffset, read.length)
    for (let at = segmentHeaderBytes; at < segment.validBytes; ) {
      const group = readGroup(bytes, at, segment)
      const frames = group === undefined ? undefined : framesOf(bytes, group)
      if (group === undefined || frames === undefined) {
        throw damage(segment.path, at, 'a group that was whole a moment ago')
      }
      for (const frame of frames) {
        const wanted = shards.has(frame.shard) && lastOrdinalOf(frame) > (after.get(frame.shard) ?? 0)
        if (wanted) onFrame(frame)
      }
      at = group.end
    }
  } finally {
    await file.close()
  }
}
