/**
 * One shard: one mailbox, one writer, one order. It runs turns and gathers them into a frame; when
 * the frame is cut, written and durable is the lane's business (`lane.ts`).
 *
 * S3. Messages of other shards and due timers go before client requests: what was begun is ended
 *     before new work starts, and only new work is ever shed.
 * S4. A turn that throws leaves nothing behind; whatever happens, its cause is consumed once.
 */
import type { Address } from '../actor/address.js'
import { refusal } from '../actor/refusal.js'
import { isParked, isRemembered } from '../actor/turn.js'
import { Fault, runtimeCodes } from '../errors.js'
import { limits } from '../limits.js'
import { Message } from '../messaging/message.js'
import type { FrameDraft } from '../journal/journal.js'
import { assertPlain } from '../../transport/index.js'
import { Deque } from './deque.js'
import {
  requested,
  type Cause,
  type CommittedTurn,
  type KeyInsert,
  type QuarantineChange,
} from './committed-turn.js'
import type { DirectTurns } from './direct-turns.js'
import { MessageHandler } from './message-handler.js'
import { RequestRunner } from './request-runner.js'
import { OpenFrame } from './open-frame.js'
import type { QueuedRequest } from './requests.js'
import type { ShardBounds, ShardServices } from './shard-services.js'
import type { AppliedChange, ShardState } from './shard-state.js'
import type { Transaction, TurnShard } from './transaction.js'
import { CalleeSetAside, UnknownCommand, type TurnPart } from './turn-part.js'

/** The outcome of a turn that may have thrown. */
export interface TurnResult {
  readonly outcome: unknown
  readonly threw: boolean
}

export class Shard implements TurnShard {
  readonly number: number
  readonly state: ShardState
  readonly services: ShardServices
  readonly bounds: ShardBounds
  private readonly messages = new Deque<Message>()
  private readonly requests = new Deque<QueuedRequest>()
  readonly runner: RequestRunner
  private readonly handler: MessageHandler
  readonly frame: OpenFrame
  private readonly tx: Transaction
  /** Shards whose messages the open frame has applied and that are to be told so. */
  private openSources = new Set<number>()
  /** True when the shard goes to another owner: it runs nothing any more. */
  private retired = false
  /** True while the journal has taken nothing for too long (G6 in `lane.ts`). */
  stalled = false
  /** False while a message is handled whose own frame is not durable yet: nothing may leave early. */
  causeDurable = true

  /** @param tx shared with the other shards of the thread */
  constructor(state: ShardState, services: ShardServices, bounds: ShardBounds, tx: Transaction) {
    this.number = state.shard
    this.state = state
    this.frame = new OpenFrame(state, () => services.now())
    this.services = services
    this.bounds = bounds
    this.runner = new RequestRunner(this)
    this.handler = new MessageHandler(this)
    this.tx = tx
  }

  /** Turns gathered in the frame that is being filled. */
  get openTurns(): number {
    return this.frame.turns
  }

  get mailboxLength(): number {
    return this.requests.length + this.messages.length + this.runner.parked.size
  }

  get hasRequests(): boolean {
    return this.requests.length > 0
  }

  get hasMessages(): boolean {
    return this.messages.length > 0
  }

  /** True when the open frame has grown as far as it may: it must leave first. */
  get full(): boolean {
    const { openFrameBytes } = this.bounds
    return openFrameBytes !== undefined && this.frame.bytes >= openFrameBytes
  }

  /** Takes a client's request in, or sheds it. */
  submit(request: QueuedRequest): void {
    if (this.retired) this.runner.turnAway(request, movedOn)
    else if (this.stalled) this.runner.stall(request)
    else if (this.overloaded && !this.runner.mustAccept(request))
      this.runner.fault(request.open(), 'overloaded')
    else this.requests.push(request)
  }

  /** Takes a request in that waited and was woken: before all others. */
  resubmit(request: QueuedRequest): void {
    this.requests.unshift(request)
  }

  /** Takes a message of another shard in. */
  receive(message: Message): void {
    // It comes again, to the next owner.
    if (!this.retired) this.messages.push(message)
  }

  /**
   * Ends the work of this owner: what waits is told to ask the next one. What was done is in the open
   * frame, or durable; the next owner knows the keys of it.
   */
  retire(): void {
    this.retired = true
    while (this.messages.length > 0) this.messages.shift()
    while (this.requests.length > 0) this.runner.turnAway(this.requests.shift()!, movedOn)
    this.runner.retire()
  }

  /** Takes no requests until it may go on, and keeps none. */
  stall(): void {
    this.stalled = true
    while (this.requests.length > 0) this.runner.stall(this.requests.shift()!)
    this.runner.stallParked()
  }

  /** A turn begun when it is on its way would be in a frame nobody waits for. @throws Fault not_ready */
  checkInService(): void {
    if (this.retired) throw new Fault('not_ready', movedOn)
  }

  /** Handles waiting messages, those they bring about too, as far as the frame has room. @returns how many */
  runMessages(atMost: number): number {
    let ran = 0
    for (; ran < atMost && !this.full; ran++) {
      const message = this.messages.shift()
      if (message === undefined) break
      this.handler.handle(message)
      this.tx.setFailingAside()
    }
    return ran
  }

  /** Handles up to `atMost` waiting requests. @returns how many */
  runRequests(atMost: number): number {
    let ran = 0
    for (; ran < atMost && !this.full; ran++) {
      if (ran % openedAtOnce === 0) this.openRequests()
      const request = this.requests.shift()
      if (request === undefined) break
      this.causeDurable = true
      this.runner.handle(request)
      this.tx.setFailingAside()
    }
    this.direct.finish()
    return ran
  }

  /** Reads the next requests, one after the other: for the same reason as direct turns are done step by step. */
  private openRequests(): void {
    const count = Math.min(this.requests.length, openedAtOnce)
    for (let i = 0; i < count; i++) this.requests.replace(i, this.requests.at(i).open())
  }

  /** Fires timers that are due by shard time. @returns how many */
  fireTimers(atMost: number): number {
    let fired = 0
    for (; fired < atMost && !this.retired && !this.full; fired++) {
      const timer = this.state.timers.dueAt(this.now())
      if (timer === undefined) break
      this.causeDurable = false
      this.handler.mustApply(
        { type: 'timer', id: timer.id },
        timer.address,
        timer.command,
        timer.input,
      )
      this.tx.setFailingAside()
    }
    return fired
  }

  /** Shard time: the same for all turns of a frame, never going back. */
  now(): number {
    return this.frame.now()
  }

  /** Runs the waiting commands of a quarantined actor and releases it. @returns false if one can't be applied */
  release(address: Address): boolean {
    this.checkInService()
    if (!this.state.quarantine.has(address) || !this.handler.applyWaiting(address)) return false
    this.commit(this.begin(), requested, undefined, [{ type: 'release', address }])
    return true
  }

  /**
   * Sends the pair-comparison message to every shard this one ever sent to.
   * @returns by target, the number that has to be acknowledged
   */
  comparePairs(): Map<number, number> {
    this.checkInService()
    const { outbox } = this.state
    const tx = this.begin()
    // A message no actor sees: it only carries the stamp of its pair.
    const { messages } = tx.main
    for (const target of outbox.targets()) {
      messages.push(new Message(this.state.shard, target, '', '', undefined))
    }
    if (messages.length > 0) this.commit(tx, requested)
    return new Map(outbox.targets().map((target) => [target, outbox.lastNumber(target)]))
  }

  /**
   * Ends the frame that is being filled.
   * @returns the frame with what may leave once it is durable; undefined when nothing happened
   * @throws InvariantViolated when the tally does not check: a bug, nothing of it may be written
   */
  cutFrame(): { frame: FrameDraft; messages: Message[]; sources: Set<number> } | undefined {
    const frame = this.frame.cut()
    if (frame === undefined) return undefined
    return { frame, messages: this.state.outbox.cutFrame(), sources: this.takeSources() }
  }

  /**
   * Sources that have to be told how far their messages got. Without an open frame they are those
   * whose messages came again: what they were told before was lost.
   */
  takeSources(): Set<number> {
    const sources = this.openSources
    if (sources.size > 0) this.openSources = new Set()
    return sources
  }

  /** Turns done directly; shared with the other shards of the thread. */
  get direct(): DirectTurns {
    return this.tx.direct
  }

  begin(): Transaction {
    return this.tx.begin(this)
  }

  nearShard(number: number): Shard | undefined {
    const near = this.services.near(number)
    return near === undefined || near.retired ? undefined : near
  }

  draft(part: TurnPart): void {
    this.frame.draft(part.asDraft)
  }

  undraft(): void {
    this.frame.undraft()
  }

  callSucceeded(address: Address): void {
    this.state.quarantine.succeeded(address)
  }

  callFailed(address: Address, command: string, error: unknown): boolean {
    this.services.report('actor_failed', { address, command, error })
    return this.state.quarantine.failed(address)
  }

  setAside(address: Address): void {
    const reason = `failed ${limits.failuresBeforeQuarantine} times in a row`
    this.services.report('quarantined', { address, reason })
    this.commit(this.begin(), requested, undefined, [{ type: 'add', address, reason }])
  }

  /**
   * Runs a handler; one that throws, or gives what is no plain data, is rolled back and counted.
   * @param answering the message whose sender wants the outcome
   */
  attempt(
    tx: Transaction,
    address: Address,
    command: string,
    input: unknown,
    answering?: Message,
  ): TurnResult {
    try {
      const outcome = tx.run(address, command, input)
      if (tx.hasFailed) throw new Error('a call failed', { cause: tx.failure })
      if (isParked(outcome) && tx.dirty)
        throw new Error('a turn that parks must not change anything')
      if (answering !== undefined)
        this.handler.answer(tx, answering, isParked(outcome) ? failed : outcome)
      else if (!isRemembered(outcome)) assertPlain(outcome)
      if (tx.dirty) this.draft(tx.main)
      this.state.quarantine.succeeded(address)
      return { outcome, threw: false }
    } catch (error) {
      tx.rollback()
      if (UnknownCommand.is(error)) {
        return { outcome: refusal('unknown_command', error.message, false), threw: true }
      }
      if (CalleeSetAside.is(error)) {
        return { outcome: refusal('quarantined', error.message, false), threw: true }
      }
      this.services.report('actor_failed', { address, command, error })
      return { outcome: failed, threw: true }
    }
  }

  /** Makes a turn part of the states and of the open frames of its shards, and wakes what waits for it. */
  commit(
    tx: Transaction,
    cause: Cause,
    key?: KeyInsert,
    quarantine: readonly QuarantineChange[] = noChanges,
  ): void {
    this.commitPart(tx.main, cause, key, quarantine)
    for (let i = 0; i < tx.nearCount; i++) {
      const part = tx.near[i]!
      part.shard.commitNear(part, part.message)
    }
  }

  commitNear(part: TurnPart, message: Message): void {
    // It becomes durable with the frame of its sender, not before.
    this.causeDurable = false
    this.commitPart(part, message, undefined, noChanges)
  }

  private commitPart(
    part: TurnPart,
    cause: Cause,
    key: KeyInsert | undefined,
    quarantine: readonly QuarantineChange[],
  ): void {
    const { changes, messages, timers } = part
    this.commitTurn({ cause, messages, key, timers, quarantine }, changes, part.now)
    for (const wake of part.wakes) this.runner.wake(wake)
    this.state.passivateFinished(changes)
  }

  /** @param now when the turn began (S7) */
  commitTurn(
    turn: Omit<CommittedTurn, 'events'>,
    changes: readonly AppliedChange[],
    now: number,
  ): void {
    const { cause, messages } = turn
    const monotonic = messages.some(isOwed) ? this.services.monotonic() : 0
    this.state.commit(turn, changes, this.frame.decide(now), monotonic)
    this.frame.write(turn, changes)
    for (const message of messages) if (isOwed(message)) this.services.sent(message)
    if (cause.type === 'message') this.applied(cause as Message)
  }

  /** The sender of a message that came again is told once more how far its messages got. */
  tellAgain(source: number): void {
    this.openSources.add(source)
  }

  /** The open frame has the effect of a message: its sender is told when that is durable. */
  private applied(message: Message): void {
    if (message.handled) return
    if (!this.services.settled(message)) this.openSources.add(message.source)
  }

  /** Counts a failure of a client's command; too many in a row set the key aside. */
  countFailure(address: Address): void {
    if (this.state.quarantine.failed(address)) this.setAside(address)
  }

  private get overloaded(): boolean {
    return (
      this.requests.length + this.runner.parked.work >= this.bounds.mailboxMessagesMax ||
      this.state.outbox.size >= limits.outboxMessagesMax
    )
  }
}

/** Requests that are read before they are handled. */
const openedAtOnce = 32

/** Near calls are done when they are sent. */
function isOwed(message: Message): boolean {
  return !message.handled
}

const movedOn =
  'The shard is on its way to another owner; ask again shortly, with the same idempotency key.'
const noChanges: readonly QuarantineChange[] = []
const failed = refusal('actor_failed', runtimeCodes.actor_failed.advice, false)
