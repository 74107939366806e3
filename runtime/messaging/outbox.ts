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

/** Messages owed to one target. */
class Lane {
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
  private readonly lanes: (Lane | undefined)[]
  /** Lanes with messages in the open frame. */
  private open: Lane[] = []
  private owed = 0

  constructor(shards: number) {
    this.lanes = new Array<Lane | undefined>(shards).fill(undefined)
  }

  /** Messages not yet acknowledged. */
  get size(): number {
    return this.owed
  }

  /** Number the next message to a target will have. */
  nextNumber(target: number): number {
    return (this.lanes[target]?.last ?? 0) + 1
  }

  lastNumber(target: number): number {
    return this.lanes[target]?.last ?? 0
  }

  acknowledgedNumber(target: number): number {
    return this.lanes[target]?.acknowledged ?? 0
  }

  /** Targets that were ever sent anything. */
  targets(): number[] {
    return [...this.lanes.keys()].filter((target) => this.lanes[target] !== undefined)
  }

  push(message: Message, monotonic: number): void {
    const lane = (this.lanes[message.target] ??= new Lane(message.target))
    if (lane.queue.length === 0) lane.progressAt = monotonic
    if (lane.cut === lane.last) this.open.push(lane)
    lane.queue.push(message)
    lane.last = message.number
    this.owed++
  }

  /** Counts a message that its target has applied already, in the same group. */
  passBy(message: Message): void {
    const lane = (this.lanes[message.target] ??= new Lane(message.target))
    // It comes after all the others: their effects stand in this group, or in one before it.
    if (lane.acknowledged < lane.last) this.forget(lane, lane.last)
    if (lane.cut === lane.last) lane.cut = message.number
    lane.last = message.number
    lane.acknowledged = message.number
  }

  /**
   * The target's open frame has the effect of a message.
   * @returns true when the message is in the open frame here, so that nothing more has to be done
   */
  settle(target: number, number: number): boolean {
    const lane = this.lanes[target]!
    if (number <= lane.cut) return false
    this.forget(lane, number)
    return true
  }

  /** Ends the open frame. @returns its messages that are still owed, by target in order */
  cutFrame(): Message[] {
    const messages: Message[] = []
    for (const lane of this.open) {
      const first = Math.max(lane.cut, lane.acknowledged) + 1
      for (let number = first; number <= lane.last; number++) {
        messages.push(lane.queue.at(number - lane.acknowledged - 1))
      }
      lane.cut = lane.last
    }
    this.open = []
    return messages
  }

  /** Messages up to a number are durable here: they may be sent, and sent again. */
  release(target: number, number: number): void {
    this.lanes[target]!.released = number
  }

  /** All messages are durable: they come from a recovered journal. */
  releaseAll(): void {
    for (const lane of this.lanes) if (lane !== undefined) lane.released = lane.cut = lane.last
    this.open = []
  }

  /**
   * The target has everything up to this number, durably.
   * @returns false when it has more than was ever sent: this journal has lost something
   */
  acknowledge(target: number, number: number, monotonic: number): boolean {
    const lane = this.lanes[target]
    if (lane === undefined) return number === 0
    if (number > lane.last) return false
    if (number <= lane.acknowledged) return true
    this.forget(lane, number)
    lane.progressAt = monotonic
    return true
  }

  /** Owed messages of all targets whose last progress is older than a moment, a bounded number each. */
  overdue(before: number, atMost: number, monotonic: number): Message[] {
    const messages: Message[] = []
    if (this.owed === 0) return messages
    for (const lane of this.lanes) {
      if (lane === undefined || lane.queue.length === 0 || lane.progressAt > before) continue
      lane.progressAt = monotonic
      for (const message of sendable(lane, atMost)) messages.push(message)
    }
    return messages
  }

  /** What is owed to one target and may be sent now. */
  owedTo(target: number, atMost: number, monotonic: number): Message[] {
    const lane = this.lanes[target]
    if (lane === undefined) return []
    lane.progressAt = monotonic
    return sendable(lane, atMost)
  }

  /** All owed messages and the numbers reached, as plain data for a snapshot. */
  dump(): OutboxDump {
    const lanes: [number, number, number][] = []
    const messages: MessageFields[] = []
    this.lanes.forEach((lane, target) => {
      if (lane === undefined) return
      lanes.push([target, lane.last, lane.acknowledged])
      for (let i = 0; i < lane.queue.length; i++) messages.push(lane.queue.at(i).fields)
    })
    return { lanes, messages }
  }

  /** Puts a dump in the place of whatever is here. */
  restore(dump: OutboxDump): void {
    this.lanes.fill(undefined)
    this.open = []
    this.owed = 0
    for (const message of dump.messages) this.push(Message.restored(message), 0)
    for (const [target, last, acknowledged] of dump.lanes) {
      const lane = (this.lanes[target] ??= new Lane(target))
      lane.last = last
      lane.acknowledged = acknowledged
    }
  }

  private forget(lane: Lane, number: number): void {
    this.owed -= number - lane.acknowledged
    for (; lane.acknowledged < number; lane.acknowledged++) lane.queue.shift()
  }
}

/** The oldest owed messages that are durable here. */
function sendable(lane: Lane, atMost: number): Message[] {
  const messages: Message[] = []
  for (let i = 0; i < lane.queue.length && i < atMost; i++) {
    const message = lane.queue.at(i)
    if (message.number > lane.released) break
    messages.push(message)
  }
  return messages
}

export interface OutboxDump {
  /** Target, newest number, newest acknowledged number. */
  readonly lanes: readonly (readonly [number, number, number])[]
  readonly messages: readonly MessageFields[]
}
