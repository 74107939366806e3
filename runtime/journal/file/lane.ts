/**
 * A lane on file: where the groups of one thread go.
 *
 * W1. One write and one sync a group; the next group is not begun before. After the sync, and before
 *     the append resolves, the fence is looked at.
 * W2. The first error is final: a failed sync is never tried again, because the page cache may hold
 *     what the disk does not.
 * W3. A lane begins with a small segment, so that an empty node starts at once; each next one is larger
 *     until the full size, and is made in the background while its predecessor fills.
 * W4. A seal is announced by a durable note before it is written, and nothing follows it.
 * W5. Before a group goes into the next segment, a durable mark at the end of the last one says that
 *     the lane goes on there: so a segment in use is missed even when it was the newest. Room for the
 *     mark, or for a seal in its place, is always left.
 */
import { assert } from '../../assert.js'
import type { Env } from '../../env/env.js'
import { removeIfThere } from '../../env/remove-if-there.js'
import { Fault } from '../../errors.js'
import { frameBytes, lastOrdinalOf } from '../frame.js'
import type { FrameDraft, JournalLane } from '../journal.js'
import { noFrame, noGroup, type GroupHead, type ShardHead } from './chains.js'
import { Fence } from './fence.js'
import { groupFlags, groupHeaderBytes, GroupWriter, markBytes } from './group.js'
import { epochPaths, folders, segmentPath } from './names.js'
import type { FolderPlan } from './plan.js'
import {
  recordFormat,
  writeRecord,
  type LaneEnd,
  type LaneRecord,
  type SealingRecord,
} from './records.js'
import { Retention } from './retention.js'
import { createSegment, segmentHeaderBytes, wholeBlocks, type OpenSegment } from './segment.js'

/** A lane that can also say where it ended. */
export interface FileLane extends JournalLane {
  /** Where the lane ends, for closing the folder. Only after {@link JournalLane.seal}. */
  readonly end: LaneEnd
  /** Up to where it is durable. Only while no append is under way. */
  readonly reached: LanePlace
}

/** Up to where a lane goes. */
export interface LanePlace {
  readonly lane: number
  /** Which segment of the lane, and its tag. */
  readonly index: number
  readonly tag: number
  readonly bytes: number
  /** Its newest group. */
  readonly head: GroupHead
  /** Where its seal is, when it is that. */
  readonly sealed?: LaneEnd | undefined
}

/**
 * The seal of a lane that a copy ends at a place, where its owner may go on: room for one is always left (W5).
 * @returns the bytes to put there, none when it is sealed, and what the closed record says of it
 */
export function sealOfCopy(place: LanePlace): { readonly bytes: Buffer; readonly end: LaneEnd } {
  const { lane, index, tag, bytes: offset, head, sealed } = place
  if (sealed !== undefined) return { bytes: Buffer.alloc(0), end: sealed }
  const writer = new GroupWriter()
  writer.begin(0)
  const seal = writer.finish(tag, head, groupFlags.seal)
  return { bytes: seal.bytes, end: { lane, index, offset, crc: seal.head.crc } }
}

const firstSegmentBytes = 1024 * 1024
const segmentGrowth = 4

/**
 * Opens a lane of an owner's epoch, once, after that was adopted (A2).
 * @param shards shards it will be given frames of; no other lane has them
 * @throws Fault journal_failed, fenced
 */
export async function openLane(
  env: Env,
  plan: FolderPlan,
  lane: number,
  shards: ReadonlySet<number>,
): Promise<FileLane> {
  const { dataDir, epoch } = plan
  const size = segmentBytes(plan, 0)
  const name = { epoch, lane, index: 0 }
  const adopted = env.disk.existsNow(epochPaths.adopted(dataDir, epoch))
  // A successor removes the record, and has fenced us before.
  if (!adopted) new Fence(env.disk, plan).check()
  assert(adopted, 'a lane is opened after its epoch was adopted')
  try {
    const first = await createSegment(env, dataDir, { ...name, size, shards: plan.shards })
    const record: LaneRecord = { format: recordFormat, epoch, lane, shards: [...shards] }
    await writeRecord(env.disk, epochPaths.lane(dataDir, epoch, lane), record)
    new Fence(env.disk, plan).check()
    return new LaneOnFile(env, plan, lane, shards, first)
  } catch (error) {
    throw faultOf(error)
  }
}

/** Each segment is larger than the one before, up to the full size (W3). */
function segmentBytes(plan: FolderPlan, index: number): number {
  return Math.min(plan.segmentBytes, firstSegmentBytes * segmentGrowth ** Math.min(index, 16))
}

type Prepared = { readonly segment: OpenSegment } | { readonly error: unknown }

class LaneOnFile implements FileLane {
  bytesAppended = 0
  private readonly env: Env
  private readonly plan: FolderPlan
  private readonly lane: number
  private readonly fence: Fence
  private readonly writer = new GroupWriter()
  private readonly retention: Retention
  /** By shard: its newest frame. */
  private readonly heads = new Map<number, ShardHead>()
  private segment: OpenSegment
  private at = segmentHeaderBytes
  private head: GroupHead = noGroup
  private next: Promise<Prepared>
  private busy = false
  private failure: Fault | undefined
  private sealedAt: LaneEnd | undefined

  constructor(
    env: Env,
    plan: FolderPlan,
    lane: number,
    shards: ReadonlySet<number>,
    first: OpenSegment,
  ) {
    this.env = env
    this.plan = plan
    this.lane = lane
    this.fence = new Fence(env.disk, plan)
    this.retention = new Retention(env, plan, lane, this.fence)
    for (const shard of shards) this.heads.set(shard, plan.heads[shard] ?? noFrame)
    this.segment = first
    this.next = this.prepare(1)
  }

  get end(): LaneEnd {
    assert(this.sealedAt !== undefined, 'a lane ends when it is sealed')
    return this.sealedAt
  }

  get reached(): LanePlace {
    assert(!this.busy, 'a lane that is being written has no certain end')
    const { index, tag } = this.segment.header
    return { lane: this.lane, index, tag, bytes: this.at, head: this.head }
  }

  isOwner(): boolean {
    try {
      this.fence.check()
      return true
    } catch (error) {
      throw this.fail(error)
    }
  }

  async append(frames: readonly FrameDraft[]): Promise<void> {
    if (this.failure !== undefined) throw this.failure
    assert(!this.busy, 'one append at a time')
    assert(frames.length > 0, 'a group has a frame')
    this.busy = true
    try {
      await this.writeGroup(frames, 0)
    } catch (error) {
      throw this.fail(error)
    } finally {
      this.busy = false
    }
  }

  async seal(): Promise<void> {
    if (this.failure !== undefined) throw this.failure
    assert(!this.busy, 'one append at a time')
    this.busy = true
    try {
      await this.discardPrepared()
      await this.writeGroup([], groupFlags.seal)
      await this.segment.file.close()
    } catch (error) {
      throw this.fail(error)
    }
    this.failure = new Fault('closed')
  }

  async truncate(ordinals: ReadonlyMap<number, number>): Promise<void> {
    if (this.failure !== undefined) throw this.failure
    try {
      await this.retention.letGo(ordinals)
    } catch (error) {
      throw this.fail(error)
    }
  }

  private async writeGroup(frames: readonly FrameDraft[], flags: number): Promise<void> {
    let length = 0
    for (const frame of frames) length += frameBytes(frame)
    const bytes = wholeBlocks(groupHeaderBytes + length)
    const last = (flags & groupFlags.seal) !== 0
    const room = this.segment.header.size - this.at - (last ? 0 : markBytes)
    if (bytes > room) await this.enterNext(bytes)
    this.writer.begin(length)
    for (const frame of frames) this.encode(frame)
    const group = this.writer.finish(this.segment.header.tag, this.head, flags)
    if (flags === groupFlags.seal) await this.announceSeal(group.head)
    await this.writeDurably(group)
    this.retention.wrote(this.segment.header.index, frames, this.heads)
  }

  private async writeDurably(group: { readonly bytes: Buffer; readonly head: GroupHead }) {
    const { file } = this.segment
    await file.write(group.bytes, this.at)
    await file.sync()
    this.fence.check()
    this.head = group.head
    this.at += group.bytes.length
    this.bytesAppended += group.bytes.length
  }

  private encode(frame: FrameDraft): void {
    const head = this.heads.get(frame.shard)
    assert(head !== undefined, 'a lane has the frames of its shards only')
    assert(frame.count >= 1, 'a frame has a turn')
    assert(frame.firstOrdinal === head.ordinal + 1, 'ordinals are dense')
    const crc = this.writer.add(frame, this.plan.epoch, head.crc)
    this.heads.set(frame.shard, { ordinal: lastOrdinalOf(frame), crc })
  }

  /** Makes a segment in the background. It never rejects: who needs it looks at what came of it. */
  private prepare(index: number): Promise<Prepared> {
    return this.create(index, segmentBytes(this.plan, index)).then(
      (segment) => ({ segment }),
      (error: unknown) => ({ error }),
    )
  }

  private create(index: number, size: number): Promise<OpenSegment> {
    const { epoch, shards, dataDir } = this.plan
    return createSegment(this.env, dataDir, { epoch, lane: this.lane, index, size, shards })
  }

  /** Goes on in the next segment, made at the group's own size if it is larger than a whole one. */
  private async enterNext(groupBytes: number): Promise<void> {
    const index = this.segment.header.index + 1
    const needed = segmentHeaderBytes + groupBytes + markBytes
    const prepared = await this.next
    let next = 'segment' in prepared ? prepared.segment : undefined
    if (next === undefined || next.header.size < needed) {
      // Too small, or the disk was full when it was made and may not be any more. Nothing was written to
      // it, so making it again does not retry a failed sync.
      await next?.file.close()
      next = await this.create(index, Math.max(needed, segmentBytes(this.plan, index)))
    }
    this.writer.begin(0)
    const mark = this.writer.finish(this.segment.header.tag, this.head, groupFlags.continued)
    await this.writeDurably(mark)
    const old = this.segment
    this.segment = next
    this.at = segmentHeaderBytes
    this.retention.entered(index, this.head)
    this.next = this.prepare(index + 1)
    await old.file.close()
  }

  private async discardPrepared(): Promise<void> {
    const prepared = await this.next
    const { dataDir, epoch } = this.plan
    if ('segment' in prepared && prepared.segment !== this.segment) {
      await prepared.segment.file.close()
    }
    // One whose making failed may have got its name before: nothing may follow the seal.
    const index = this.segment.header.index + 1
    const path = segmentPath(dataDir, { epoch, lane: this.lane, index })
    if (!this.env.disk.existsNow(path)) return
    this.fence.check()
    await removeIfThere(this.env.disk, path)
    await this.env.disk.syncFolder(folders.journal(dataDir))
  }

  private async announceSeal(seal: GroupHead): Promise<void> {
    const { dataDir, epoch } = this.plan
    const { lane } = this
    const end = { lane, index: this.segment.header.index, offset: this.at, crc: seal.crc }
    const record: SealingRecord = { format: recordFormat, epoch, ...end }
    await writeRecord(this.env.disk, epochPaths.sealing(dataDir, epoch, lane), record)
    this.sealedAt = end
  }

  private fail(error: unknown): Fault {
    this.failure ??= faultOf(error)
    return this.failure
  }
}

function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error
  const { message } = error instanceof Error ? error : new Error(String(error))
  return new Fault(
    'journal_failed',
    `The journal could not be written: ${message}. Nothing is acknowledged any more; mend the disk and start again.`,
    { cause: error },
  )
}
