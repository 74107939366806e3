/**
 * The frame a shard is filling.
 *
 * S7. A turn's `now` is the time of the frame it lands in, to the millisecond: what an event says about
 *     when, and the moment a history row stands under, are one.
 */
import { InvariantViolated } from '../errors.js'
import type { FrameDraft } from '../journal/journal.js'
import { FrameBody, type CommittedTurn, type TurnDraft } from './committed-turn.js'
import type { AppliedChange, ShardState } from './shard-state.js'

export class OpenFrame {
  private readonly state: ShardState
  private readonly clock: () => number
  private readonly body = new FrameBody()
  /** Turns that are decided and not written yet: between steps of direct ones. */
  private unwritten = 0
  private time = 0

  constructor(state: ShardState, clock: () => number) {
    this.state = state
    this.clock = clock
  }

  /** Turns so far. */
  get turns(): number {
    return this.body.count + this.unwritten
  }

  get bytes(): number {
    return this.body.bytes
  }

  /** Shard time: the same for all turns of a frame, never going back. */
  now(): number {
    if (this.turns === 0) this.time = Math.max(this.state.time, this.clock())
    return this.time
  }

  /**
   * Begins a turn that is written later.
   * @param now when it was decided: while the frame's first one ran, the clock went on
   * @returns the time of the frame
   */
  decide(now: number): number {
    if (this.turns === 0) this.time = now
    this.unwritten++
    return this.time
  }

  /** Adds a turn that was decided, with all that its commit gave it: numbers and stamps. */
  write(turn: Omit<CommittedTurn, 'events'>, changes: readonly AppliedChange[]): void {
    this.unwritten--
    this.body.add(turn, changes)
  }

  /** Writes what a handler did before it is decided. @throws TypeError when it is no plain data */
  draft(turn: TurnDraft): void {
    this.body.draft(turn)
  }

  /** Takes the draft away again. */
  undraft(): void {
    this.body.undraft()
  }

  /**
   * Ends it; the next one is empty.
   * @returns undefined when nothing happened
   * @throws InvariantViolated when the tally does not check: a bug, nothing of it may be written
   */
  cut(): FrameDraft | undefined {
    const { state, body } = this
    const { count } = body
    if (count === 0) return undefined
    const problem = state.kinds.tally?.check(state.tally)
    if (problem !== undefined) throw new InvariantViolated(`shard ${state.shard}: ${problem}`)
    return {
      shard: state.shard,
      firstOrdinal: state.ordinal - count + 1,
      count,
      time: this.time,
      body: body.take({ format: state.formats.writes, sequence: state.sequence }),
    }
  }
}
