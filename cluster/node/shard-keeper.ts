/**
 * Keeps what a node serves in step with what the map asks of it: opens what it is given, reads ahead
 * what it will be given, hands over what it has to give.
 *
 * K1. What is asked for is tried until it is done or not asked for any more; one shard waits for none.
 * K2. What is taken away is dropped at once, in the call that says so.
 * K3. A hand-over is told to the map only when the last frame is durable and the shard takes no more.
 * K4. What was opened for an earlier wish serves no later one: that one opens anew.
 */
import { OpenRefused, type Env, type ShardNode } from '../../runtime/index.js'
import { LastingTrouble } from '../../transport/index.js'
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

/** What is asked for. Each asking is one of its own, also when it asks for the same as the one before. */
interface Wish {
  readonly type: 'serve' | 'prepare' | 'give'
}

/** ms between two tries: at first, and at most. */
const firstPauseMs = 50
const longestPauseMs = 2_000
/** ms until a journal is opened again that has lost its end: somebody has to restore it meanwhile. */
const regressedPauseMs = 60_000
/** A journal that is lost again within so many ms of being opened is opened after a pause. */
const soonMs = 10_000

/** When the journal of a shard was lost last, and how long its next opening waits if that happens soon again. */
interface Loss {
  readonly at: number
  readonly pauseMs: number
}

export class ShardKeeper implements ShardDuties {
  private readonly env: Env
  private readonly node: ShardNode
  private readonly services: KeeperServices
  private readonly wishes = new Map<number, Wish>()
  private readonly busy = new Set<number>()
  private readonly losses = new Map<number, Loss>()
  private readonly troubles = new Map<number, LastingTrouble>()
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

  /**
   * The journal of a shard was lost: when it is still to be served, it is opened again, at once the first time. An
   * opening fences the journal, so one that is lost at once every time must not be opened without end.
   */
  lost(shard: number, error?: unknown): void {
    const wish = this.wishes.get(shard)
    if (wish?.type !== 'serve') return
    const at = this.env.clock.monotonic()
    const before = this.losses.get(shard)
    const isSoon = before !== undefined && at - before.at < soonMs
    const next = isSoon ? Math.min(before.pauseMs * 2, longestPauseMs) : firstPauseMs
    this.losses.set(shard, { at, pauseMs: next })
    const isRegressed = error instanceof OpenRefused && error.code === 'journal_regressed'
    const again = (): void => {
      if (this.wishOf(shard) === wish) this.wish(shard, 'serve')
    }
    // What does not fit the others fits them no better in a moment, and would be served for that long.
    if (isRegressed) this.env.timers.after(regressedPauseMs, again)
    else if (isSoon) this.env.timers.after(before.pauseMs, again)
    else again()
  }

  /** True when everything that should be served is. */
  get settled(): boolean {
    return [...this.wishes].every(
      ([shard, { type }]) => type !== 'serve' || this.node.serves(shard),
    )
  }

  stop(): void {
    this.stopped = true
  }

  private wish(shard: number, type: Wish['type']): void {
    this.wishes.set(shard, { type })
    this.work(shard)
  }

  private work(shard: number): void {
    if (this.busy.has(shard) || this.stopped) return
    this.busy.add(shard)
    void this.untilDone(shard)
  }

  /** Busy ends in the very step that finds nothing more to do: a wish of the next one begins anew (K1). */
  private async untilDone(shard: number): Promise<void> {
    let pauseMs = firstPauseMs
    let done: Wish | undefined
    for (let wish = this.wishOf(shard); wish !== done; wish = this.wishOf(shard)) {
      if (wish === undefined) break
      try {
        await this.fulfil(shard, wish)
        done = wish
        pauseMs = firstPauseMs
        this.goesOn(shard, wish)
      } catch (error) {
        this.failed(shard, wish, error)
        await new Promise<void>((resolve) => this.env.timers.after(pauseMs, resolve))
        pauseMs = Math.min(pauseMs * 2, longestPauseMs)
      }
    }
    // Of what nobody wants any more no end is told.
    this.troubles.get(shard)?.over()
    this.busy.delete(shard)
  }

  /** Each try is one of many: told at once, then less and less often. */
  private failed(shard: number, { type }: Wish, error: unknown): void {
    let trouble = this.troubles.get(shard)
    if (trouble === undefined) {
      trouble = new LastingTrouble(() => this.env.clock.monotonic())
      this.troubles.set(shard, trouble)
    }
    const so = trouble.met()
    if (so !== undefined) this.services.report(`${type}_failed`, { shard, error, ...so })
  }

  private goesOn(shard: number, { type }: Wish): void {
    const ms = this.troubles.get(shard)?.over()
    if (ms !== undefined) this.services.report(`${type}_goes_on`, { shard, ms })
  }

  private async fulfil(shard: number, wish: Wish): Promise<void> {
    const wanted = (): boolean => this.wishOf(shard) === wish
    switch (wish.type) {
      case 'serve':
        // An opening that hangs must not end who is given the shard meanwhile (K4).
        await this.node.open(shard, this.services.knownOrdinal(shard), wanted)
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
