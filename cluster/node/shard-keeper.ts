/**
 * Keeps what a node serves in step with what the map asks of it: opens what it is given, reads ahead
 * what it will be given, hands over what it has to give.
 *
 * K1. What is asked for is tried until it is done or not asked for any more; one shard waits for none.
 * K2. What is taken away is dropped at once, in the call that says so.
 * K3. A hand-over is told to the map only when the last frame is durable and the shard takes no more.
 */
import type { Env, ShardNode } from '../../runtime/index.js'
import type { ShardDuties } from '../placement/shard-assignments.js'

/** What the keeper asks of its surroundings. */
export interface KeeperServices {
  /** Tells the map that this node has read ahead. */
  ready(shard: number): Promise<unknown>
  /** Makes the next owner the owner. */
  handOver(shard: number): Promise<unknown>
  /** The newest durable ordinal any member ever told of. */
  knownOrdinal(shard: number): number
  report(event: string, detail: Record<string, unknown>): void
}

/** What is asked for. */
type Wish = 'serve' | 'prepare' | 'give'

/** ms between two tries: at first, and at most. */
const firstPauseMs = 50
const longestPauseMs = 2_000

export class ShardKeeper implements ShardDuties {
  private readonly env: Env
  private readonly node: ShardNode
  private readonly services: KeeperServices
  private readonly wishes = new Map<number, Wish>()
  private readonly busy = new Set<number>()
  private stopped = false

  constructor(env: Env, node: ShardNode, services: KeeperServices) {
    this.env = env
    this.node = node
    this.services = services
  }

  open(shard: number): void {
    this.wish(shard, 'serve')
  }

  close(shard: number): void {
    this.wishes.delete(shard)
    this.node.drop(shard)
  }

  prepare(shard: number): void {
    this.wish(shard, 'prepare')
  }

  abandon(shard: number): void {
    this.wishes.delete(shard)
    this.node.forget(shard)
  }

  drain(shard: number): void {
    this.wish(shard, 'give')
  }

  resume(shard: number): void {
    this.wish(shard, 'serve')
  }

  /** The journal of a shard was lost: when it is still to be served, it is opened again. */
  lost(shard: number): void {
    this.work(shard)
  }

  /** True when everything that should be served is. */
  get settled(): boolean {
    return [...this.wishes].every(([shard, wish]) => wish !== 'serve' || this.node.serves(shard))
  }

  stop(): void {
    this.stopped = true
  }

  private wish(shard: number, wish: Wish): void {
    this.wishes.set(shard, wish)
    this.work(shard)
  }

  private work(shard: number): void {
    if (this.busy.has(shard) || this.stopped) return
    this.busy.add(shard)
    void this.untilDone(shard).finally(() => this.busy.delete(shard))
  }

  private async untilDone(shard: number): Promise<void> {
    let pauseMs = firstPauseMs
    let done: Wish | undefined
    for (let wish = this.wishOf(shard); wish !== done; wish = this.wishOf(shard)) {
      if (wish === undefined) return
      try {
        await this.fulfil(shard, wish)
        done = wish
        pauseMs = firstPauseMs
      } catch (error) {
        this.services.report(`${wish}_failed`, { shard, error })
        await new Promise<void>((resolve) => this.env.timers.after(pauseMs, resolve))
        pauseMs = Math.min(pauseMs * 2, longestPauseMs)
      }
    }
  }

  private async fulfil(shard: number, wish: Wish): Promise<void> {
    switch (wish) {
      case 'serve':
        await this.node.open(shard, this.services.knownOrdinal(shard))
        // The map changed its mind while the journal was read.
        if (this.wishOf(shard) === undefined) this.node.drop(shard)
        return
      case 'prepare':
        await this.node.prepare(shard)
        if (this.wishOf(shard) === undefined) this.node.forget(shard)
        else await this.services.ready(shard)
        return
      case 'give':
        // A journal that is lost on the way is served here no more either.
        await this.node.handOver(shard)
        await this.services.handOver(shard)
    }
  }

  private wishOf(shard: number): Wish | undefined {
    return this.stopped ? undefined : this.wishes.get(shard)
  }
}
