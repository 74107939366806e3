/** The order in which the shards of a thread run: first come, first served, each waiting once at most. */
import { Deque } from '../shard/deque.js'
import type { Shard } from '../shard/shard.js'

export class ReadyQueue {
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
