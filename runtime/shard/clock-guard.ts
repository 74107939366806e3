/**
 * Guards shard time against clocks that jump: wall time is trusted only while it moves with the
 * monotonic clock. A step ahead of more than the bound is not followed: nothing expires by it, and
 * the node says it is not ready until the clock is back, somebody who knows the time finds it right, or the
 * process is started anew.
 */
import type { Clock } from '../env/env.js'
import { limits } from '../limits.js'

export class ClockGuard {
  private readonly clock: Clock
  private wall: number
  private monotonic: number
  /** True while the wall clock is too far ahead to be believed. */
  jumped = false
  /** What was told of it. */
  private told = false

  constructor(clock: Clock) {
    this.clock = clock
    this.wall = clock.now()
    this.monotonic = clock.monotonic()
  }

  /** Milliseconds since 1970 that may be used as shard time, whole. */
  now(): number {
    const wall = this.clock.now()
    const monotonic = this.clock.monotonic()
    const expected = this.wall + (monotonic - this.monotonic)
    this.jumped = wall - expected > limits.clockStepMsMax
    if (this.jumped) return Math.floor(expected)
    // A clock that was set back may be set right again: compared with where it was, that is no jump.
    if (wall < expected) return Math.floor(wall)
    this.wall = wall
    this.monotonic = monotonic
    return Math.floor(wall)
  }

  /** Looks at the clock, and tells when it is believed no more, and when it is again. */
  watch({ report }: ClockListener): void {
    const aheadMs = this.clock.now() - this.now()
    if (this.jumped === this.told) return
    this.told = this.jumped
    if (this.jumped) report('clock_jumped', { aheadMs })
    else report('clock_right', {})
  }

  /** The wall clock was found right: it is followed from where it is. */
  trust(): void {
    this.wall = this.clock.now()
    this.monotonic = this.clock.monotonic()
    this.jumped = false
  }
}

/** Told what an operator should know of the clock. */
export interface ClockListener {
  readonly report: (event: string, detail: Record<string, unknown>) => void
}

/**
 * How far a wall clock is off that of somebody who stamped something between two readings of it: ms
 * it is ahead, negative when behind; 0 when no more than a step is certain. However long the readings
 * lie apart, a clock that is right is never called wrong.
 */
export function clockOff(before: number, stamp: number, after: number): number {
  const ahead = Math.max(0, before - stamp)
  const off = ahead > 0 ? ahead : Math.min(0, after - stamp)
  return Math.abs(off) > limits.clockStepMsMax ? off : 0
}

/** What an operator is told about that. */
export const behindAdvice =
  'The clock is behind the time of the journal: it is wrong now, or was when the journal was written. Shard time ' +
  'stands still until it is reached: timers wait, and keys that carry a time before the window are refused.'

/** ms a clock is behind the time that shards have reached; 0 when it is no more than a step. */
export function clockBehind(now: number, states: readonly { readonly time: number }[]): number {
  let behind = 0
  for (const { time } of states) behind = Math.max(behind, time - now)
  return behind > limits.clockStepMsMax ? behind : 0
}
