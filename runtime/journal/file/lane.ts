/**
 * A lane on file: where the groups of one thread go.
 *
 * F6. One write and one sync a group; the next group is not begun before. After each sync, and before
 *     anything is released, the fence is looked at: a newer owner's epoch file, or ours gone.
 * F7. The first error is final: a failed sync is never tried again, because the page cache may hold
 *     what the disk does not.
 */
import type { DiskFile, Env } from '../../env/env.js'
import { Fault } from '../../errors.js'
import { frameBytes, lastOrdinalOf, writeFrame } from '../frame.js'
import type { FrameDraft, JournalLane } from '../journal.js'
import { finishGroup, groupFlags, groupHeaderBytes } from './group.js'
import { epochPaths, folders, type LaneEnd } from './records.js'
import type { FolderPlan } from './plan.js'
import type { SegmentPlan } from './scan.js'
import { createSegment, segmentHeaderBytes, segmentName } from './segment.js'
import { join } from 'node:path'

/** The first segment is small, so that an empty node starts at once. */
const firstSegmentBytes = 1024 * 1024

/** A lane that can also say where it ended. */
export interface FileLane extends JournalLane {
  /** After {@link JournalLane.seal}. */
  readonly end: LaneEnd
}

/** Opens a new lane of an owner's epoch. @param shards shards it will be given frames of */
export async function openLane(
  env: Env,
  plan: FolderPlan,
  lane: number,
  shards: ReadonlySet<number>,
): Promise<FileLane> {
  const crcs = new Map<number, number>()
  for (const shard of shards) crcs.set(shard, plan.heads[shard]?.crc ?? 0)
  const opened = new LaneOnFile(env, plan, lane, crcs)
  await opened.start()
  return opened
}

class LaneOnFile implements FileLane {
  bytesAppended = 0
  private readonly env: Env
  private readonly plan: FolderPlan
  private readonly lane: number
  /** By shard: CRC of its newest frame. */
  private readonly crcs: Map<number, number>
  private buffer = Buffer.allocUnsafeSlow(256 * 1024)
  private segment!: SegmentPlan
  private file!: DiskFile
  private offset = segmentHeaderBytes
  private size = 0
  private prepared: Promise<DiskFile> | undefined
  private sequence = 0
  private previousCrc = 0
  private failure: Fault | undefined
  /** Segments that can be deleted one day: the lineage's and this lane's. */
  private readonly older: SegmentPlan[]

  constructor(env: Env, plan: FolderPlan, lane: number, crcs: Map<number, number>) {
    this.env = env
    this.plan = plan
    this.lane = lane
    this.crcs = crcs
    this.older = plan.segments.map((segment) => ({ ...segment }))
  }

  get end(): LaneEnd {
    const { lane, segment, offset, previousCrc } = this
    return { lane, index: segment.index, offset, crc: previousCrc }
  }

  async start(): Promise<void> {
    const size = Math.min(firstSegmentBytes, this.plan.segmentBytes)
    this.enter(1, size, await this.create(1, size))
  }

  async append(frames: readonly FrameDraft[]): Promise<void> {
    if (this.failure !== undefined) throw this.failure
    try {
      await this.writeGroup(frames, 0)
    } catch (error) {
      throw this.poison(error)
    }
    for (const frame of frames) this.segment.lastOrdinals[frame.shard] = lastOrdinalOf(frame)
  }

  async seal(): Promise<void> {
    if (this.failure !== undefined) throw this.failure
    try {
      await this.writeGroup([], groupFlags.seal)
      await this.file.close()
      await (await this.prepared)?.close()
    } catch (error) {
      throw this.poison(error)
    }
    this.failure = new Fault('closed')
  }

  async truncate(ordinals: ReadonlyMap<number, number>): Promise<void> {
    if (this.failure !== undefined) return
    this.assertOwner()
    // From the oldest on, lane by lane: what is left of a lane has no hole.
    const kept = new Set<string>()
    for (const segment of [...this.older]) {
      const lane = `${segment.epoch}/${segment.lane}`
      const covered = Object.entries(segment.lastOrdinals).every(
        ([shard, last]) => (ordinals.get(Number(shard)) ?? 0) >= last,
      )
      if (!covered) kept.add(lane)
      if (kept.has(lane)) continue
      // Another thread may have removed a segment of an earlier epoch already.
      if (this.env.disk.existsNow(segment.path)) {
        await this.env.disk.remove(segment.path).catch(() => undefined)
      }
      this.older.splice(this.older.indexOf(segment), 1)
    }
    await this.env.disk.syncFolder(folders.journal(this.plan.dataDir))
  }

  private async writeGroup(frames: readonly FrameDraft[], flags: number): Promise<void> {
    let bytes = groupHeaderBytes
    for (const frame of frames) bytes += frameBytes(frame)
    if (this.offset + bytes > this.size) await this.nextSegment(bytes)
    const end = this.encode(frames, bytes)
    const crc = finishGroup(this.buffer, end, this.segment, {
      flags,
      sequence: this.sequence + 1,
      previousCrc: this.previousCrc,
      frameCount: frames.length,
    })
    await this.file.write(this.buffer.subarray(0, end), this.offset)
    await this.file.sync()
    this.assertOwner()
    this.sequence++
    this.previousCrc = crc
    this.offset += end
    this.bytesAppended += end
    this.prepareAhead()
  }

  /** Writes the frames into the buffer behind the group header. @returns the offset behind them */
  private encode(frames: readonly FrameDraft[], bytes: number): number {
    if (this.buffer.length < bytes) {
      this.buffer = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(bytes)))
    }
    let at = groupHeaderBytes
    for (const frame of frames) {
      const crc = writeFrame(frame, this.plan.epoch, this.crcs.get(frame.shard) ?? 0, this.buffer, at)
      this.crcs.set(frame.shard, crc)
      at += frameBytes(frame)
    }
    return at
  }

  /** Makes the next segment in the background once this one is half full. */
  private prepareAhead(): void {
    if (this.prepared !== undefined || this.offset * 2 < this.size) return
    this.prepared = this.create(this.segment.index + 1, this.plan.segmentBytes)
    // Its failure is noticed when the segment is needed, not as an unhandled rejection.
    this.prepared.catch(() => undefined)
  }

  private async nextSegment(groupBytes: number): Promise<void> {
    const index = this.segment.index + 1
    const needed = segmentHeaderBytes + groupBytes
    let size = this.plan.segmentBytes
    let file = await (this.prepared ?? this.create(index, Math.max(size, needed)))
    if (this.prepared !== undefined && size < needed) {
      // The prepared one is too small for this group: it is made anew at the group's own size.
      await file.close()
      await this.env.disk.remove(this.pathOf(index))
      size = needed
      file = await this.create(index, size)
    }
    this.prepared = undefined
    await this.file.close()
    this.older.push(this.segment)
    this.enter(index, Math.max(size, needed), file)
  }

  private create(index: number, size: number): Promise<DiskFile> {
    const { epoch, shards, dataDir } = this.plan
    const header = { epoch, lane: this.lane, index, size, shards }
    return createSegment(this.env.disk, folders.journal(dataDir), header)
  }

  private enter(index: number, size: number, file: DiskFile): void {
    const { epoch } = this.plan
    const path = this.pathOf(index)
    this.segment = { epoch, lane: this.lane, index, path, validBytes: 0, lastOrdinals: {} }
    this.file = file
    this.size = size
    this.offset = segmentHeaderBytes
  }

  private pathOf(index: number): string {
    const name = segmentName({ epoch: this.plan.epoch, lane: this.lane, index })
    return join(folders.journal(this.plan.dataDir), name)
  }

  /** @throws Fault fenced */
  private assertOwner(): void {
    const { dataDir, epoch } = this.plan
    const newer = this.env.disk.existsNow(epochPaths.owner(dataDir, epoch + 1))
    if (newer || !this.env.disk.existsNow(epochPaths.owner(dataDir, epoch))) throw new Fault('fenced')
  }

  private poison(error: unknown): Fault {
    const { message } = error instanceof Error ? error : new Error(String(error))
    this.failure =
      error instanceof Fault
        ? error
        : new Fault(
            'journal_failed',
            `The journal could not be written: ${message}. Nothing is acknowledged any more; mend the disk and start again.`,
            { cause: error },
          )
    return this.failure
  }
}
