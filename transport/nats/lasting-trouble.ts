/**
 * When to tell of a trouble that is met again and again as long as it lasts: whoever keeps the machines running must
 * hear of it, and of everything else too.
 *
 * LT1. It is told at once, then after pauses that double up to a minute, with how long it has lasted and how often it
 *      was met since it was told; in the end, when it had lasted, that it is over.
 * LT2. One that comes again soon after its end is no new one: its pauses go on growing.
 */

const firstPauseMs = 2_000
const pauseMsMax = 60_000

/** How it is told: nothing more is known of a trouble that is met for the first time. */
export interface TroubleSoFar {
  /** ms it has lasted. */
  readonly ms?: number
  /** How often it was met since it was told last. */
  readonly times?: number
}

export class LastingTrouble {
  private readonly now: () => number
  private since: number | undefined
  private times = 0
  private isTold = false
  private pauseMs = 0
  /** It is not told before. */
  private quietUntil = -Infinity

  /** @param now monotonic ms */
  constructor(now: () => number) {
    this.now = now
  }

  /** It is met. @returns what to tell of it; undefined while that is too early */
  met(): TroubleSoFar | undefined {
    const now = this.now()
    this.since ??= now
    this.times++
    if (now < this.quietUntil) return undefined
    if (now > this.quietUntil + pauseMsMax) this.pauseMs = 0
    this.pauseMs = Math.min(Math.max(firstPauseMs, 2 * this.pauseMs), pauseMsMax)
    this.quietUntil = now + this.pauseMs
    this.isTold = true
    const { times, since } = this
    this.times = 0
    return times === 1 ? {} : { ms: Math.round(now - since), times }
  }

  /** It is not met any more. @returns ms that it had lasted, when that is to be told */
  over(): number | undefined {
    if (this.since === undefined) return undefined
    const ms = Math.round(this.now() - this.since)
    const tells = this.isTold && ms >= firstPauseMs
    this.since = undefined
    this.times = 0
    this.isTold = false
    return tells ? ms : undefined
  }
}
