/**
 * Reading the frames of some shards back, in the order of their ordinals, through a window.
 *
 * I1. What was verified on opening is verified again: the file may have changed, and another thread's
 *     disk read is another chance of damage.
 */
import type { Env } from '../../env/env.js'
import { lastOrdinalOf } from '../frame.js'
import type { Frame } from '../journal.js'
import { damage } from './damage.js'
import type { FolderPlan, SegmentPlan } from './plan.js'
import { scanGroups } from './scan.js'
import { SegmentReader } from './segment-reader.js'

/**
 * Calls `onFrame` with every frame after the given ordinals. Segments without any are not opened.
 * @param shards shards whose frames are wanted
 * @param after by shard: frames up to this ordinal are not needed; 0 where there is none
 * @throws OpenRefused damaged: also when a shard's first frame does not follow the given ordinal
 */
export async function readFrames(
  env: Env,
  plan: FolderPlan,
  shards: ReadonlySet<number>,
  after: ReadonlyMap<number, number>,
  onFrame: (frame: Frame) => void,
): Promise<void> {
  const reached = new Map([...shards].map((shard) => [shard, after.get(shard) ?? 0]))
  for (const segment of plan.segments) {
    const needed = segment.heads.some(([shard, ordinal]) => {
      return ordinal > (reached.get(shard) ?? Infinity)
    })
    if (needed) await readSegment(env, plan, segment, reached, onFrame)
  }
}

async function readSegment(
  env: Env,
  plan: FolderPlan,
  segment: SegmentPlan,
  reached: Map<number, number>,
  onFrame: (frame: Frame) => void,
): Promise<void> {
  const reader = await SegmentReader.open(env.disk, plan.dataDir, segment)
  try {
    if (reader.header.tag !== segment.tag)
      throw damage(reader.path, 0, 'another segment of this name')
    await scanGroups(reader, segment.start, segment.bytes, (group) => {
      for (const frame of group.frames) {
        const last = lastOrdinalOf(frame)
        const ordinal = reached.get(frame.shard) ?? Infinity
        if (last <= ordinal) continue
        if (frame.firstOrdinal !== ordinal + 1) {
          throw damage(
            reader.path,
            group.at,
            `no snapshot of shard ${frame.shard} reaches ordinal ${frame.firstOrdinal - 1}, where its journal goes on; ${ordinal} was reached`,
          )
        }
        reached.set(frame.shard, last)
        onFrame(frame)
      }
    })
  } finally {
    await reader.close()
  }
}
