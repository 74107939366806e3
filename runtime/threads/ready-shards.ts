/**
 * Shards waiting for their turn to run: those that have messages before those that have only requests,
 * each at most once.
 */
import { Deque } from '../shard/deque.js'
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

export class ReadyShards {
  private readonly withMessages = new ReadyQueue()
  private readonly withRequests = new ReadyQueue()

  /** Puts a shard where what it has is run. */
  add(shard: Shard): void {
    if (shard.hasMessages) this.withMessages.add(shard)
    if (shard.hasRequests) this.withRequests.add(shard)
  }

  /** Turns the shard that ran last took. */
  ran = 0

  /**
   * Runs the next shard: all its messages, or a few requests, so that the messages these cause come
   * next, while what they touch is still in the cache.
   * @returns undefined when nothing waits
   */
  runNext(requestsAtOnce: number): Shard | undefined {
    const urgent = this.withMessages.next()
    const shard = urgent ?? this.withRequests.next()
    if (urgent !== undefined) this.ran = urgent.runMessages()
    else if (shard !== undefined) this.ran = shard.runRequests(requestsAtOnce)
    return shard
  }
}
