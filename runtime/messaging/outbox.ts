/**
 * The outbox of a shard: messages owed to other shards, in the frames that caused them.
 *
 * O1. Per target the numbers are dense; a message stays until its target says it is durable there.
 * O2. A message leaves only after the frame it is in is durable; until it is released it is not sent,
 *     and not sent again either.
 * O3. A message whose effect stands in the same group as itself is owed no more: both are durable, or
 *     neither. A near call's is applied before it is numbered, and is never owed.
 */
import { Deque } from '../shard/deque.js'
import { Message, type MessageFields } from './message.js'

/** What is owed to one target. */
class OwedTo {
  readonly target: number
  /** Owed messages, oldest first. */
  readonly queue = new Deque<Message>()
  /** Number of the newest message ever, and of the newest acknowledged one. */
  last = 0
  acknowledged = 0
  /** Number of the newest message in a frame that was cut. */
  cut = 0
  /** Newest number that is durable here and may be sent (again). */
  released = 0
  /** Monotonic time of the last progress, to know when to send again. */
  progressAt = 0

  constructor(target: number) {
    this.target = target
  }
}

export class Outbox {
  private readonly byTarget: (OwedTo | undefined)[]
  /** Those with messages in the open frame. */
  private open: OwedTo[] = []
  private owed = 0

  constructor(shards: number) {
    this.byTarget = new Array<OwedTo | undefined>(shards).fill(undefined)
  }

  /** Messages not yet acknowledged. */
  get size(): number {
    return this.owed
  }

  /** Number the next message to a target will have. */
  nextNumber(target: number): number {
    return (this.byTarget[target]?.last ?? 0) + 1
  }

  lastNumber(target: number): number {
    return this.byTarget[target]?.last ?? 0
  }

  acknowledgedNumber(target: number): number {
    return this.byTarget[target]?.acknowledged ?? 0
  }

  /** Targets that were ever sent anything. */
  targets(): number[] {
    return [...this.byTarget.keys()].filter((target) => this.byTarget[target] !== undefined)
  }

  push(message: Message, monotonic: number): void {
    const to = (this.byTarget[message.target] ??= new OwedTo(message.target))
    if (to.queue.length === 0) to.progressAt = monotonic
    if (to.cut === to.last) this.open.push(to)
    to.queue.push(message)
    to.last = message.number
    this.owed++
  }

  /** Counts a message that its target has applied already, in the same group. */
  passBy(message: Message): void {
    const to = (this.byTarget[message.target] ??= new OwedTo(message.target))
    // It comes after all the others: their effects stand in this group, or in one before it.
    if (to.acknowledged < to.last) this.forget(to, to.last)
    if (to.cut === to.last) to.cut = message.number
    to.last = message.number
    to.acknowledged = message.number
  }

  /**
   * The target's open frame has the effect of a message.
   * @returns true when the message is in the open frame here, so that nothing more has to be done
   */
  settle(target: number, number: number): boolean {
    const to = this.byTarget[target]!
    if (number <= to.cut) return false
    this.forget(to, number)
    return true
  }

  /** Ends the open frame. @returns its messages that are still owed, by target in order */
  cutFrame(): Message[] {
    const messages: Message[] = []
    for (const to of this.open) {
      const first = Math.max(to.cut, to.acknowledged) + 1
      for (let number = first; number <= to.last; number++) {
        messages.push(to.queue.at(number - to.acknowledged - 1))
      }
      to.cut = to.last
    }
    this.open = []
    return messages
  }

  /** Messages up to a number are durable here: they may be sent, and sent again. */
  release(target: number, number: number): void {
    this.byTarget[target]!.released = number
  }

  /** All messages are durable: they come from a recovered journal. */
  releaseAll(): void {
    for (const to of this.byTarget) if (to !== undefined) to.released = to.cut = to.last
    this.open = []
  }

  /**
   * The target has everything up to this number, durably.
   * @returns false when it has more than was ever sent: this journal has lost something
   */
  acknowledge(target: number, number: number, monotonic: number): boolean {
    const to = this.byTarget[target]
    if (to === undefined) return number === 0
    if (number > to.last) return false
    if (number <= to.acknowledged) return true
    this.forget(to, number)
    to.progressAt = monotonic
    return true
  }

  /** Owed messages of all targets whose last progress is older than a moment, a bounded number each. */
  overdue(before: number, atMost: number, monotonic: number): Message[] {
    const messages: Message[] = []
    if (this.owed === 0) return messages
    for (const to of this.byTarget) {
      if (to === undefined || to.queue.length === 0 || to.progressAt > before) continue
      to.progressAt = monotonic
      for (const message of sendable(to, atMost)) messages.push(message)
    }
    return messages
  }

  /** What is owed to one target and may be sent now. */
  owedTo(target: number, atMost: number, monotonic: number): Message[] {
    const to = this.byTarget[target]
    if (to === undefined) return []
    to.progressAt = monotonic
    return sendable(to, atMost)
  }

  /** All owed messages and the numbers reached, as plain data for a snapshot. */
  dump(): OutboxDump {
    const lanes: [number, number, number][] = []
    const messages: MessageFields[] = []
    this.byTarget.forEach((to, target) => {
      if (to === undefined) return
      lanes.push([target, to.last, to.acknowledged])
      for (let i = 0; i < to.queue.length; i++) messages.push(to.queue.at(i).fields)
    })
    return { lanes, messages }
  }

  /** Puts a dump in the place of whatever is here. */
  restore(dump: OutboxDump): void {
    this.byTarget.fill(undefined)
    this.open = []
    this.owed = 0
    for (const message of dump.messages) this.push(Message.restored(message), 0)
    for (const [target, last, acknowledged] of dump.lanes) {
      const to = (this.byTarget[target] ??= new OwedTo(target))
      to.last = last
      to.acknowledged = acknowledged
    }
  }

  private forget(to: OwedTo, number: number): void {
    this.owed -= number - to.acknowledged
    for (; to.acknowledged < number; to.acknowledged++) to.queue.shift()
  }
}

/** The oldest owed messages that are durable here. */
function sendable(to: OwedTo, atMost: number): Message[] {
  const messages: Message[] = []
  for (let i = 0; i < to.queue.length && i < atMost; i++) {
    const message = to.queue.at(i)
    if (message.number > to.released) break
    messages.push(message)
  }
  return messages
}

export interface OutboxDump {
  /** Target, newest number, newest acknowledged number. */
  readonly lanes: readonly (readonly [number, number, number])[]
  readonly messages: readonly MessageFields[]
}
