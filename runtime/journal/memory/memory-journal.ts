/**
 * A journal in memory, the twin of the one on files: for tests and simulation. Its frames outlive the
 * lanes; nothing else does.
 */
import { assert } from '../../assert.js'
import { Fault } from '../../errors.js'
import { lastOrdinalOf } from '../frame.js'
import type { Frame, FrameDraft, JournalLane } from '../journal.js'

/** The frames of all shards, and who may write them. */
export class MemoryJournal {
  private readonly frames = new Map<number, Frame[]>()
  private epoch = 0
  /** Called before each append becomes durable; reject to fail it. */
  onAppend: (() => Promise<void>) | undefined

  /** Opens the next epoch: lanes of earlier ones are fenced. */
  open(): number {
    return ++this.epoch
  }

  isNewest(epoch: number): boolean {
    return epoch === this.epoch
  }

  /** Opens a lane of the newest epoch. */
  lane(shards: ReadonlySet<number>): JournalLane {
    return new MemoryLane(this, this.epoch, shards)
  }

  /** Last durable ordinal of a shard. */
  lastOrdinal(shard: number): number {
    const frames = this.frames.get(shard) ?? []
    const last = frames[frames.length - 1]
    return last === undefined ? 0 : lastOrdinalOf(last)
  }

  /** Frames of some shards after the given ordinals, each shard's in order. */
  read(shards: ReadonlySet<number>, after: ReadonlyMap<number, number>): Frame[] {
    return [...shards].flatMap((shard) =>
      (this.frames.get(shard) ?? []).filter(
        (frame) => lastOrdinalOf(frame) > (after.get(shard) ?? 0),
      ),
    )
  }

  /** Makes frames durable. @throws Fault fenced */
  async commit(epoch: number, frames: readonly FrameDraft[]): Promise<void> {
    await this.onAppend?.()
    if (epoch !== this.epoch) throw new Fault('fenced')
    for (const frame of frames) {
      const kept = this.frames.get(frame.shard) ?? []
      this.frames.set(frame.shard, kept)
      kept.push({ ...frame, epoch, body: Uint8Array.from(frame.body) })
    }
  }

  /** Forgets the frames up to an ordinal. */
  forget(shard: number, ordinal: number): void {
    const kept = (this.frames.get(shard) ?? []).filter((frame) => lastOrdinalOf(frame) > ordinal)
    this.frames.set(shard, kept)
  }
}

class MemoryLane implements JournalLane {
  bytesAppended = 0
  private readonly journal: MemoryJournal
  private readonly epoch: number
  private readonly ordinals = new Map<number, number>()
  private busy = false
  private failure: Fault | undefined

  constructor(journal: MemoryJournal, epoch: number, shards: ReadonlySet<number>) {
    this.journal = journal
    this.epoch = epoch
    for (const shard of shards) this.ordinals.set(shard, journal.lastOrdinal(shard))
  }

  isOwner(): boolean {
    if (!this.journal.isNewest(this.epoch)) throw new Fault('fenced')
    return true
  }

  async append(frames: readonly FrameDraft[]): Promise<void> {
    if (this.failure !== undefined) throw this.failure
    assert(!this.busy, 'one append at a time')
    assert(frames.length > 0, 'a group has a frame')
    this.busy = true
    try {
      for (const frame of frames) this.number(frame)
      await this.journal.commit(this.epoch, frames)
    } catch (error) {
      this.failure =
        error instanceof Fault ? error : new Fault('journal_failed', undefined, { cause: error })
      throw this.failure
    } finally {
      this.busy = false
    }
    for (const { body } of frames) this.bytesAppended += body.length
  }

  seal(): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure)
    this.failure = new Fault('closed')
    return Promise.resolve()
  }

  truncate(ordinals: ReadonlyMap<number, number>): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure)
    for (const [shard, ordinal] of ordinals) {
      // The newest frame stays, as the newest segment does on file.
      const newest = this.ordinals.get(shard) ?? 0
      this.journal.forget(shard, Math.min(ordinal, newest - 1))
    }
    return Promise.resolve()
  }

  private number(frame: FrameDraft): void {
    const ordinal = this.ordinals.get(frame.shard)
    assert(ordinal !== undefined, 'a lane has the frames of its shards only')
    assert(frame.firstOrdinal === ordinal + 1, 'ordinals are dense')
    this.ordinals.set(frame.shard, lastOrdinalOf(frame))
  }
}
