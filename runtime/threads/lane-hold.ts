/**
 * The hold of a thread's lane between two groups, while a backup takes where every lane ends (BK1). It is bounded
 * here, in the thread: whoever asked for it may be late, and payments must not wait for that.
 */
import type { Env, TimerHandle } from '../env/env.js'
import { Fault } from '../errors.js'
import type { FileLane } from '../journal/file/index.js'
import { limits } from '../limits.js'
import type { Lane } from '../shard/lane.js'
import type { HeldLane } from './thread-protocol.js'

export class LaneHold {
  private readonly env: Pick<Env, 'clock' | 'timers'>
  private readonly lane: Lane
  private readonly journal: FileLane
  private bound: TimerHandle | undefined
  private since = 0

  constructor(env: Pick<Env, 'clock' | 'timers'>, lane: Lane, journal: FileLane) {
    this.env = env
    this.lane = lane
    this.journal = journal
  }

  /** @throws Fault backup_stalled, when its group is not durable in time; what the lane failed with */
  async begin(): Promise<HeldLane> {
    this.bound?.cancel()
    this.since = this.env.clock.monotonic()
    this.bound = this.env.timers.after(limits.backupHoldMs, () => this.end())
    if (!(await this.lane.hold())) throw new Fault('backup_stalled')
    let ordinals = 0
    for (const ordinal of this.lane.durable.values()) ordinals += ordinal
    return { ...this.journal.reached, ordinals }
  }

  /** @returns ms it was held; undefined when it has gone on before */
  end(): number | undefined {
    if (this.bound === undefined) return undefined
    this.bound.cancel()
    this.bound = undefined
    this.lane.resume()
    return this.env.clock.monotonic() - this.since
  }
}
