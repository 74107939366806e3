/**
 * One simulated process: its environment, and what can happen to it. It can die, stand still and go
 * on, and its wall clock can be wrong; it never knows.
 */
import type { Env, ProcessIdentity, TimerHandle } from '../env/env.js'
import type { Kernel, Owner } from './kernel.js'
import type { Random } from './random.js'
import { SimulatedDisk, type Machine } from './simulated-disk.js'

/** Wall clock when a simulation begins: 2026-01-01. */
export const beginning = 1_767_225_600_000

export class SimulatedProcess implements Owner {
  alive = true
  paused = false
  /** ms the wall clock is ahead. */
  skewMs = 0
  /** How fast its monotonic clock runs; set before anything runs. */
  pace = 1
  readonly env: Env
  private readonly kernel: Kernel
  private readonly disk: SimulatedDisk | undefined
  private deferred: (() => void)[] = []

  /**
   * @param machine whose disk it has; undefined for a process without one
   * @param others what becomes of other processes, by pid
   */
  constructor(
    kernel: Kernel,
    machine: Machine | undefined,
    random: Random,
    pid: number,
    others: (identity: ProcessIdentity) => ReturnType<Env['processes']['fate']>,
  ) {
    this.kernel = kernel
    const disk = machine && new SimulatedDisk(kernel, machine, this)
    this.disk = disk
    this.env = {
      clock: {
        now: () => Math.floor(beginning + kernel.now + this.skewMs),
        monotonic: () => kernel.now * this.pace,
      },
      chance: { next: () => random.next(), bytes: (length) => random.bytes(length) },
      timers: {
        after: (delayMs, run): TimerHandle => kernel.after(delayMs / this.pace, run, this),
        soon: (run) => void kernel.after(0.001 + random.next() * 0.02, run, this),
      },
      get disk(): SimulatedDisk {
        if (disk === undefined) throw new Error('This process has no disk.')
        return disk
      },
      processes: {
        self: { pid, startedAt: String(pid), place: 'simulation' },
        cores: 2,
        end: (sentence) => {
          throw new Error(sentence)
        },
        fate: others,
      },
    }
  }

  /** Ends the process between two of its steps. */
  kill(): void {
    this.alive = false
    this.deferred = []
    this.disk?.tear()
  }

  pause(): void {
    this.paused = true
  }

  /** Goes on with everything that came due meanwhile, in its order. */
  resume(): void {
    this.paused = false
    for (const run of this.deferred.splice(0)) this.kernel.after(0, run, this)
  }

  defer(run: () => void): void {
    this.deferred.push(run)
  }
}
