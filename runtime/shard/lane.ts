/**
 * A lane: the shards that commit together, and the gate their outputs wait behind.
 *
 * G1. Answers, messages and acknowledgements leave only when the frames they depend on are durable.
 *     Only a message between two shards of the lane is handled before: both commit in one atomic group.
 * G2. One group is in flight at most. The next group fills meanwhile; in a single-shard lane it also takes
 *     what is waiting when it is cut. No timer: the batch grows with the load (group commit; DeWitt et al., 1984).
 * G3. When an append fails, nothing leaves any more, for good.
 * G4. An answer leaves only behind proof of ownership obtained after its request came: an append begun
 *     later, or a fresh check. An append proves ownership only for its own moment.
 * G5. What waits for such a look is bounded, in bytes and in time. Beyond that nothing is kept: who asks is
 *     told so, in words that say nothing of any state, and asks elsewhere.
 * G6. Where lanes fail alone, an append that lasts keeps nobody waiting: whose answer depends on it hears that
 *     nobody knows, who asks from then on that nothing was done, until it is durable after all. Both hear that it
 *     lasts: to ask again at once is no use.
 */
import { runtimeCodes, type RuntimeCode } from '../errors.js'
import type { FrameDraft, JournalLane } from '../journal/journal.js'
import type { Message } from '../messaging/message.js'
import { limits } from '../limits.js'
import { answerKinds, type AnswerKind } from './requests.js'
import type { Shard } from './shard.js'

/** An acknowledgement: `target` has everything of `source` up to this number, durably. */
export interface Acknowledgement {
  readonly source: number
  readonly target: number
  readonly number: number
}

/** Answers on their way out, packed as they come. */
export interface AnswerBatch {
  readonly empty: boolean
  /** Bytes gathered so far. */
  readonly bytes: number
  add(id: number, kind: AnswerKind, value: unknown): void
  /** Forgets all answers, and tells whose they were. */
  forget(visit: (id: number) => void): void
  /** Sends the answers as bytes, to whom they belong; the batch is empty again afterwards. */
  leave(send: (origin: number, bytes: Uint8Array) => void): void
}

/** What leaves a lane, together. */
export interface Released {
  readonly answers: AnswerBatch
  readonly messages: readonly Message[]
  readonly acknowledgements: readonly Acknowledgement[]
}

/** What a lane needs from its host. */
export interface LaneServices {
  answerBatch(): AnswerBatch
  release(released: Released): void
  /** The journal failed or a rule was broken: nothing leaves the lane any more. */
  fail(error: unknown): void
  /**
   * The lane may write again, and more turns may be waiting.
   * @returns true when they are about to be run, and the lane is flushed behind them
   */
  goOn(): boolean
  /** Whether who waits for an append that lasts is told so (G6). @default false */
  readonly tellsOfWaits?: boolean
}

export class Lane {
  readonly shards: Shard[] = []
  readonly journal: JournalLane
  private readonly services: LaneServices
  /** Ordinal of each shard up to which frames are durable. */
  readonly durable = new Map<number, number>()
  private inFlight: Released | undefined
  /** Answers that depend on frames not cut yet. */
  private open: AnswerBatch
  /** Answers that depend on nothing in flight. */
  private free: AnswerBatch
  /**
   * Answers that show what is in flight, and came after its append began: that it succeeds does not
   * say that nobody took over before they were asked for (G4).
   */
  private late: AnswerBatch
  /** Answers that say nothing of any state, and wait for nothing. */
  private plain: AnswerBatch
  /** True since a look at the ownership gave no certainty, until one does. */
  private withheld = false
  /** Looks since then, of those that come by the clock. */
  private withheldLooks = 0
  /** The group that was in flight at the last of those looks, and at how many in a row. */
  private seenInFlight: Released | undefined
  private seenLooks = 0
  /** An empty batch to fill next. */
  private spare: AnswerBatch | undefined
  private failed = false
  /** True while no group may begin. */
  private held = false
  /** What it failed with. */
  private failure: unknown
  private readonly settled: (() => void)[] = []
  private atBoundary: { readonly shard: Shard; readonly run: (failed: boolean) => void }[] = []

  constructor(journal: JournalLane, services: LaneServices) {
    this.journal = journal
    this.services = services
    this.open = services.answerBatch()
    this.free = services.answerBatch()
    this.late = services.answerBatch()
    this.plain = services.answerBatch()
  }

  /** True when it has one shard: what others do takes no part in its groups. */
  get isOfOne(): boolean {
    return this.shards.length === 1
  }

  get busy(): boolean {
    return this.inFlight !== undefined
  }

  /**
   * Takes an answer of a shard in, to leave when it may.
   * @throws TypeError when the value is no plain data; nothing is taken in then
   */
  answer(shard: Shard, gated: boolean, id: number, kind: AnswerKind, value: unknown): void {
    const answers = this.answersOf(shard, gated)
    if (this.withheld && answers.bytes >= limits.withheldBytesMax)
      this.plain.add(id, answerKinds.fault, uncertain)
    else answers.add(id, kind, value)
  }

  /** Where an answer waits as long as it depends on anything that is not durable. */
  private answersOf(shard: Shard, gated: boolean): AnswerBatch {
    if (!gated) return this.free
    if (shard.openTurns > 0) return this.open
    return this.inFlight === undefined ? this.free : this.late
  }

  /** Lets go what may go, and writes what has gathered if nothing is in flight. */
  flush(): void {
    this.releaseWaiting()
    if (this.failed || this.held) return
    try {
      if (this.inFlight === undefined) this.writeGroup()
    } catch (error) {
      this.fail(error)
    }
  }

  /** Lets go what waits for no append, as far as it may. */
  private releaseWaiting(): void {
    if (this.failed) return
    try {
      if (!this.plain.empty) this.releaseAnswers(this.plain)
      if (!this.free.empty) this.releaseFree(this.free)
      if (!this.late.empty && this.inFlight === undefined) this.releaseFree(this.late)
    } catch (error) {
      this.fail(error)
    }
  }

  /** Resolves when everything the shards have done so far is durable, or the lane has failed. */
  async quiet(): Promise<void> {
    let waitedFor: Released | undefined
    // What is in flight, then what had gathered behind it.
    for (let groups = 0; ;) {
      this.flush()
      if (this.failed) return
      if (this.inFlight === undefined) {
        if (!this.held) return
      } else if (this.inFlight !== waitedFor) {
        if (groups++ === 2) return
        waitedFor = this.inFlight
      }
      await this.nextSettled()
    }
  }

  /**
   * Begins no group until it may go on, and waits for the one in flight. Turns go on meanwhile, as long as an
   * open frame has room.
   * @returns false when it went on before that one was durable @throws what the lane failed with
   */
  async hold(): Promise<boolean> {
    this.held = true
    while (!this.mayGoOn && this.inFlight !== undefined) await this.nextSettled()
    if (this.failed) throw this.failure
    return !this.mayGoOn
  }

  /** False while it is held. */
  private get mayGoOn(): boolean {
    return this.failed || !this.held
  }

  /** Ends a hold. */
  resume(): void {
    if (!this.held) return
    this.held = false
    this.flush()
    this.notifySettled()
  }

  /**
   * Runs a function when a shard is between two frames: now, or when its open frame is cut.
   * @returns undefined when the lane failed before
   */
  atFrameBoundary<T>(shard: Shard, run: () => T): Promise<T | undefined> {
    if (this.failed) return Promise.resolve(undefined)
    if (shard.openTurns === 0) return Promise.resolve(run())
    return new Promise((resolve) => {
      this.atBoundary.push({ shard, run: (failed) => resolve(failed ? undefined : run()) })
    })
  }

  /** Resolves when an ordinal of a shard is durable. @throws what the lane failed with */
  async whenDurable(shard: number, ordinal: number): Promise<void> {
    for (;;) {
      if (this.failed) throw this.failure
      if (this.durable.get(shard)! >= ordinal) return
      await this.nextSettled()
    }
  }

  /**
   * Takes the lane out of service for good, as a failed append does. What its shards' clients are told
   * from here on depends on nothing the lane knows.
   */
  fail(error: unknown): void {
    if (this.failed) return
    this.failed = true
    this.failure = error
    this.open = this.services.answerBatch()
    this.free = this.open
    this.late = this.open
    this.withheld = false
    this.inFlight = undefined
    this.services.fail(error)
    for (const waiting of this.atBoundary.splice(0)) waiting.run(true)
    this.notifySettled()
  }

  /** Fails, unless somebody else may own the journal by now: then it is that one's business. */
  failAsOwner(error: unknown): void {
    if (this.failed) return
    try {
      if (this.isCertain()) this.fail(error)
    } catch (fenced) {
      this.fail(fenced)
    }
  }

  /**
   * An idle owner that was succeeded finds out too, and what has waited for too long is told so (G5, G6).
   * Called by the clock, twice a second at most.
   */
  checkOwner(): void {
    if (this.failed) return
    try {
      if (this.services.tellsOfWaits === true) this.lookAtAppend()
      if (this.isCertain() || ++this.withheldLooks <= limits.waitedLooksMax) return
      this.withheldLooks = 0
      this.giveUp(this.free)
      this.giveUp(this.late)
    } catch (error) {
      this.fail(error)
    }
  }

  /** G6 */
  private lookAtAppend(): void {
    const { inFlight } = this
    this.seenLooks =
      inFlight !== undefined && inFlight === this.seenInFlight ? this.seenLooks + 1 : 0
    this.seenInFlight = inFlight
    if (inFlight === undefined || this.seenLooks < limits.waitedLooksMax) return
    for (const shard of this.shards) shard.stall()
    this.giveUp(inFlight.answers)
    this.giveUp(this.open)
    this.giveUp(this.late)
  }

  /** Who waits for these answers hears that nobody knows; what they would have told is not needed any more. */
  private giveUp(answers: AnswerBatch): void {
    answers.forget((id) => {
      this.turnAway(id, 'outcome_unknown', lastingWait)
    })
  }

  /** Answers a request with what says nothing of any state, and that its cause lasts. */
  turnAway(id: number, code: RuntimeCode, detail: string): void {
    this.plain.add(id, answerKinds.fault, [code, detail, true])
  }

  /** Answers of a lane that has failed: that it has, and nothing else. */
  get lastWords(): AnswerBatch {
    return this.free
  }

  /** Answers that no append went before: a fenced owner must not give them from stale state. */
  private releaseFree(answers: AnswerBatch): void {
    if (this.isCertain()) this.releaseAnswers(answers)
  }

  /** Looks at the ownership. @throws Fault fenced */
  private isCertain(): boolean {
    const certain = this.journal.isOwner()
    if (certain) this.withheldLooks = 0
    this.withheld = !certain
    return certain
  }

  private releaseAnswers(answers: AnswerBatch): void {
    this.services.release({ answers, messages: [], acknowledgements: [] })
  }

  private writeGroup(): void {
    const frames: FrameDraft[] = []
    const messages: Message[] = []
    const acknowledgements: Acknowledgement[] = []
    for (const shard of this.shards) {
      const cut = shard.cutFrame()
      if (cut !== undefined) {
        if (this.atBoundary.length > 0) this.runAtBoundary(shard)
        frames.push(cut.frame)
        for (const message of cut.messages) messages.push(message)
      }
      for (const source of cut?.sources ?? shard.takeSources()) {
        const number = shard.state.cursors[source]!
        acknowledgements.push({ source, target: shard.state.shard, number })
      }
    }
    if (frames.length === 0) {
      if (acknowledgements.length > 0) this.acknowledgeAgain(acknowledgements)
      return
    }
    const group: Released = { answers: this.open, messages, acknowledgements }
    // The batch of the group before has left; it is filled again.
    this.open = this.spare ?? this.services.answerBatch()
    this.spare = undefined
    this.inFlight = group
    this.journal.append(frames).then(
      () => this.becameDurable(group, frames),
      (error: unknown) => {
        this.fail(error)
      },
    )
  }

  /** Nothing is in flight, so all that is acknowledged is durable. */
  private acknowledgeAgain(acknowledgements: Acknowledgement[]): void {
    // Without the certainty the sources send again, and ask again.
    if (!this.isCertain()) return
    this.services.release({ answers: this.free, messages: [], acknowledgements })
  }

  private becameDurable(group: Released, frames: readonly FrameDraft[]): void {
    if (this.failed) return
    this.inFlight = undefined
    for (const frame of frames) this.durable.set(frame.shard, frame.firstOrdinal + frame.count - 1)
    if (this.seenLooks >= limits.waitedLooksMax)
      for (const shard of this.shards) shard.stalled = false
    this.seenLooks = 0
    this.services.release(group)
    this.spare = group.answers
    // What waits goes into the next group: in a cluster under load several times what was run meanwhile.
    if (this.services.goOn()) this.releaseWaiting()
    else this.flush()
    this.notifySettled()
  }

  private runAtBoundary(shard: Shard): void {
    const due = this.atBoundary.filter((waiting) => waiting.shard === shard)
    this.atBoundary = this.atBoundary.filter((waiting) => waiting.shard !== shard)
    for (const waiting of due) waiting.run(false)
  }

  private nextSettled(): Promise<void> {
    return new Promise<void>((resolve) => this.settled.push(resolve))
  }

  private notifySettled(): void {
    for (const resolve of this.settled.splice(0)) resolve()
  }
}

const lastingWait = `The storage of the shard takes nothing at present. ${runtimeCodes.outcome_unknown.advice}`

/** It may have been executed: what is withheld here tells it, or the next owner. */
const uncertain = ['outcome_unknown', runtimeCodes.outcome_unknown.advice] as const
