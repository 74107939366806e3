/**
 * A station of a queueing model: some equal servers (cores of a machine, or one disk), one queue, first
 * come, first served.
 */
import type { Timeline } from './timeline.js'

export class Station {
  private readonly timeline: Timeline
  /** When each server is free again, ms. */
  private readonly free: number[]
  /** ms of work that was given to it, all servers together. */
  work = 0

  constructor(timeline: Timeline, servers: number) {
    this.timeline = timeline
    this.free = new Array<number>(servers).fill(0)
  }

  /** Gives it work. @param run called when it is done */
  serve(ms: number, run: () => void): void {
    const { free } = this
    let soonest = 0
    for (let i = 1; i < free.length; i++) if (free[i]! < free[soonest]!) soonest = i
    const end = Math.max(this.timeline.now, free[soonest]!) + ms
    free[soonest] = end
    this.work += ms
    this.timeline.at(end, run)
  }

  /** Share of its servers' time that is work, up to now. */
  busy(since: number, workBefore: number): number {
    const ms = (this.timeline.now - since) * this.free.length
    return ms <= 0 ? 0 : (this.work - workBefore) / ms
  }
}
