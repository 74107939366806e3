/**
 * Shards waiting for their turn to run: those that have messages before those that have only requests,
 * each at most once. Where lanes are of one shard, as in a cluster, those whose lane can write come first.
 */
import { limits } from '../limits.js'
import { Deque } from '../shard/deque.js'
import type { Lane } from '../shard/lane.js'
import type { Shard } from '../shard/shard.js'

class ReadyQueue {
  private readonly queue = new Deque<Shard>()
  /** By shard number. */
  private readonly queued: boolean[] = []

  add(shard: Shard): void {
    const { number } = shard
    if (this.queued[number] === true) return
    this.queued[number] = true
    this.queue.push(shard)
  }

  next(): Shard | undefined {
    const shard = this.queue.shift()
    if (shard !== undefined) this.queued[shard.number] = false
    return shard
  }
}

/** Those that have messages, and those that have requests. */
class Waiting {
  readonly messages = new ReadyQueue()
  readonly requests = new ReadyQueue()
}

export class ReadyShards {
  private readonly first = new Waiting()
  /** Shards whose lane of their own is writing: what they do now leaves with the frame after. */
  private readonly later = new Waiting()
  private readonly laneOf: (shard: Shard) => Lane | undefined

  constructor(laneOf: (shard: Shard) => Lane | undefined) {
    this.laneOf = laneOf
  }

  /** Puts a shard where what it has is run. */
  add(shard: Shard): void {
    const lane = this.laneOf(shard)
    const waiting = lane?.isOfOne === true && lane.busy ? this.later : this.first
    if (shard.hasMessages) waiting.messages.add(shard)
    if (shard.hasRequests) waiting.requests.add(shard)
  }

  /** Turns the shard that ran last took. */
  ran = 0
  /** True when messages took all they may at once, and more may be waiting: requests have their turn. */
  private requestsFirst = false

  /**
   * Runs the next shard. One that shares its lane runs its messages, or a few requests, so that the
   * messages these cause come next, while what they touch is still in the cache. One with a lane of its
   * own runs all it has: what it causes leaves with its frame only, and a frame costs the same however
   * much is in it. No batch is without end: messages may bring about others for ever.
   * @returns undefined when nothing waits
   */
  runNext(): Shard | undefined {
    const { first, later } = this
    return this.runFrom(first) ?? this.runFrom(later)
  }

  private runFrom({ messages, requests }: Waiting): Shard | undefined {
    const first = this.requestsFirst ? requests.next() : undefined
    this.requestsFirst = false
    const urgent = first === undefined ? messages.next() : undefined
    const shard = first ?? urgent ?? requests.next()
    if (shard === undefined) return undefined
    if (this.laneOf(shard)?.isOfOne === true) {
      this.ran =
        shard.runMessages(limits.messagesAtOnce) + shard.runRequests(limits.requestsAtOnceAlone)
    } else if (urgent !== undefined) {
      this.ran = shard.runMessages(limits.messagesAtOnce)
      this.requestsFirst = this.ran >= limits.messagesAtOnce
    } else this.ran = shard.runRequests(limits.requestsAtOnce)
    return shard
  }
}
