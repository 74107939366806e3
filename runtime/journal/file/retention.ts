/**
 * Which segments a lane still needs, and letting go of those wholly behind snapshots.
 *
 * K4. A segment goes when every shard with frames in it has snapshots past its last frame there; never
 *     the newest of a lane.
 * K5. First the record of what goes, durable; then a look at the fence; only then the files. So an
 *     opener that fences us reads the record, and misses nothing.
 * K6. A lane lets its own segments go from the oldest on, and those of earlier epochs in any order:
 *     the record's *base* tells where each shard's chain goes on.
 */
import { assert } from '../../assert.js'
import type { Env } from '../../env/env.js'
import { removeIfThere } from '../../env/remove-if-there.js'
import type { FrameDraft } from '../journal.js'
import { headRows, mergeHeads, noGroup, type GroupHead, type ShardHead } from './chains.js'
import type { Fence } from './fence.js'
import { epochPaths, folders, segmentName, segmentPath } from './names.js'
import type { FolderPlan, SegmentPlan } from './plan.js'
import { recordFormat, writeRecord, type TruncationRecord } from './records.js'

/** A segment of this lane. */
interface OwnSegment {
  readonly index: number
  /** The lane's chain of groups before it. */
  readonly start: GroupHead
  readonly heads: Map<number, ShardHead>
}

export class Retention {
  private readonly env: Env
  private readonly plan: FolderPlan
  private readonly lane: number
  private readonly fence: Fence
  private readonly covered: BigInt64Array
  private own: OwnSegment[] = [{ index: 0, start: noGroup, heads: new Map() }]
  private inherited: readonly SegmentPlan[]
  private readonly removed: string[] = []
  private readonly base = new Map<number, ShardHead>()

  constructor(env: Env, plan: FolderPlan, lane: number, fence: Fence) {
    this.env = env
    this.plan = plan
    this.lane = lane
    this.fence = fence
    this.covered = new BigInt64Array(plan.covered)
    this.inherited = plan.segments
  }

  /** The lane goes on in another segment. */
  entered(index: number, start: GroupHead): void {
    this.own.push({ index, start, heads: new Map() })
  }

  /** A group is durable. @param heads by shard: its newest frame */
  wrote(index: number, frames: readonly FrameDraft[], heads: ReadonlyMap<number, ShardHead>): void {
    const segment = this.own[this.own.length - 1]!
    assert(segment.index === index, 'groups go to the newest segment')
    for (const { shard } of frames) segment.heads.set(shard, heads.get(shard)!)
  }

  /** @param ordinals by shard: replay never needs anything up to and including this ordinal */
  async letGo(ordinals: ReadonlyMap<number, number>): Promise<void> {
    for (const [shard, ordinal] of ordinals) this.cover(shard, ordinal)
    const inherited = this.inherited.filter((segment) => this.isCovered(segment.heads))
    let count = 0
    while (count < this.own.length - 1 && this.isCovered(headRows(this.own[count]!.heads))) count++
    if (inherited.length === 0 && count === 0) return
    const own = this.own.slice(0, count)
    for (const { heads } of inherited) mergeHeads(this.base, heads)
    for (const { heads } of own) mergeHeads(this.base, headRows(heads))
    this.own = this.own.slice(count)
    this.inherited = this.inherited.filter((segment) => !inherited.includes(segment))
    this.removed.push(...inherited.map(segmentName))
    await this.record()
    this.fence.check()
    const { epoch, dataDir } = this.plan
    const mine = own.map(({ index }) => ({ epoch, lane: this.lane, index }))
    // Another thread may have removed a segment of an earlier epoch already.
    for (const name of [...inherited, ...mine]) {
      await removeIfThere(this.env.disk, segmentPath(dataDir, name))
    }
    await this.env.disk.syncFolder(folders.journal(dataDir))
  }

  private cover(shard: number, ordinal: number): void {
    const known = Atomics.load(this.covered, shard)
    if (known < BigInt(ordinal)) Atomics.store(this.covered, shard, BigInt(ordinal))
  }

  private isCovered(heads: readonly (readonly [number, number, number])[]): boolean {
    return heads.every(([shard, ordinal]) => Atomics.load(this.covered, shard) >= BigInt(ordinal))
  }

  private async record(): Promise<void> {
    const { dataDir, epoch } = this.plan
    const { lane } = this
    const oldest = this.own[0]!
    const record: TruncationRecord = {
      format: recordFormat,
      epoch,
      lane,
      firstKept: oldest.index,
      start: oldest.start,
      removed: this.removed,
      base: headRows(this.base),
    }
    await writeRecord(this.env.disk, epochPaths.truncated(dataDir, epoch, lane), record)
  }
}
