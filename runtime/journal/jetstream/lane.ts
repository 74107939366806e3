/**
 * A lane on a JetStream stream: one shard, one frame a message, one append in flight.
 *
 * L1. The next append begins when the one before is settled, however long that takes: with two in
 *     flight, the second of an owner that was succeeded could land behind the successor's fence.
 * L2. A place that another's message took means another owner: the lane is fenced, for good.
 * L3. The stream is cut only after an append that came after the wish to cut it: then this was still
 *     the owner when the snapshots were complete. The newest message always stays.
 */
import type { StreamLog } from '../../../transport/index.js'
import { assert } from '../../assert.js'
import type { Env } from '../../env/env.js'
import { Fault } from '../../errors.js'
import type { FrameDraft, JournalLane } from '../journal.js'
import { messageAt, type JournalPosition } from './frames.js'
import { Patience, type WaitListener } from './patience.js'
import { lastUpTo } from './read-journal.js'
import { appendSettled } from './settle.js'

/**
 * A message costs at least as much to read back as so many bytes: snapshots come by what a successor
 * would have to read, so many small frames count too.
 */
const messageCostBytes = 1_024

export interface LaneOptions {
  readonly shard: number
  /** Whether what no append went before may leave now. */
  readonly mayAnswer: () => boolean
  /** Told in a sentence why the stream could not be cut. */
  readonly onProblem?: (sentence: string) => void
  /** Told of appends that wait. */
  readonly listener?: WaitListener
}

export class JetStreamLane implements JournalLane {
  bytesAppended = 0
  /** Epoch of this owner. */
  readonly epoch: number
  private readonly log: StreamLog
  private readonly options: LaneOptions
  private readonly patience: Patience
  private place: JournalPosition
  private busy = false
  private failure: Fault | undefined
  /** Ordinal up to which the stream may be cut after the next append. */
  private wishedCut = 0
  private cutting: Promise<void> | undefined

  /** @param end where the stream ends: behind this owner's fence */
  constructor(env: Env, log: StreamLog, options: LaneOptions, end: JournalPosition) {
    this.log = log
    this.options = options
    this.patience = new Patience(env, undefined, options.listener)
    this.place = end
    this.epoch = end.epoch
  }

  /** Where the stream ends for this owner. */
  get end(): JournalPosition {
    return this.place
  }

  isOwner(): boolean {
    if (this.failure !== undefined) throw this.failure
    return this.options.mayAnswer()
  }

  async append(frames: readonly FrameDraft[]): Promise<void> {
    if (this.failure !== undefined) throw this.failure
    assert(!this.busy, 'one append at a time')
    this.busy = true
    try {
      await this.appendOne(frames)
    } catch (error) {
      throw this.fail(error)
    } finally {
      this.busy = false
    }
  }

  seal(): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure)
    assert(!this.busy, 'one append at a time')
    // A stream never ends early by itself, so nothing has to mark its end.
    this.failure = new Fault('closed')
    this.patience.stop()
    // Nor is a cut waited for: what it takes away is behind snapshots, whoever owns the shard (L3).
    return Promise.resolve()
  }

  /** Gives the shard up at once: what is in flight fails as fenced, whatever becomes of it. */
  abandon(): void {
    this.failure ??= new Fault('fenced', sentenceOfFenced(this.options.shard))
    this.patience.stop()
  }

  truncate(ordinals: ReadonlyMap<number, number>): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure)
    this.wishedCut = Math.max(this.wishedCut, ordinals.get(this.options.shard) ?? 0)
    return Promise.resolve()
  }

  private async appendOne(frames: readonly FrameDraft[]): Promise<void> {
    const [frame] = frames
    assert(frame !== undefined && frames.length === 1, 'a lane of one shard has one frame a group')
    assert(frame.shard === this.options.shard, 'a lane has the frames of its shards only')
    assert(frame.count >= 1, 'a frame has a turn')
    assert(frame.firstOrdinal === this.place.ordinal + 1, 'ordinals are dense')
    const wish = this.wishedCut
    const message = messageAt(this.place, frame, this.epoch)
    const { log, place, patience } = this
    if (!(await appendSettled(log, message.bytes, place.sequence, patience))) {
      throw new Fault('fenced', sentenceOfFenced(this.options.shard))
    }
    if (this.failure !== undefined) throw this.failure
    this.place = message.next
    this.bytesAppended += Math.max(message.bytes.length, messageCostBytes)
    if (wish > 0) this.cut(wish)
  }

  /** Cuts the stream in the background; what fails is tried again after the next append. */
  private cut(ordinal: number): void {
    if (this.cutting !== undefined) return
    this.cutting = this.cutUpTo(ordinal)
      .then(
        () => {
          if (this.wishedCut === ordinal) this.wishedCut = 0
        },
        (error: unknown) => {
          const why = sentenceOf(error)
          this.options.onProblem?.(`The stream ${this.log.name} is not cut and grows. ${why}`)
        },
      )
      .finally(() => {
        this.cutting = undefined
      })
  }

  private async cutUpTo(ordinal: number): Promise<void> {
    const { log, patience, options } = this
    const bounds = await log.bounds()
    const found = await lastUpTo(log, options.shard, ordinal, bounds, patience)
    const upTo = Math.min(found, bounds.last - 1)
    if (upTo >= bounds.first) await log.purge(upTo)
  }

  private fail(error: unknown): Fault {
    this.failure ??= faultOf(error)
    this.patience.stop()
    return this.failure
  }
}

function sentenceOfFenced(shard: number): string {
  return `Another node owns shard ${shard} now; send the request there with the same idempotency key.`
}

function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error
  return new Fault(
    'journal_failed',
    `The journal could not be written. ${sentenceOf(error)} Nothing of the shard is acknowledged any more.`,
    { cause: error },
  )
}

function sentenceOf(error: unknown): string {
  const { message } = error instanceof Error ? error : new Error(String(error))
  return message.endsWith('.') ? message : `${message}.`
}
