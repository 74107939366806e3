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

/** ms at most between two of the things that waited for a process. */
const stepMsMax = 0.02

/** What can befall a process by itself. */
export type ProcessFault = 'pause' | 'clock_skew' | 'clock_jump'

/** Where faults are counted once the process has seen them. */
export interface ProcessFaultCounts {
  add(kind: ProcessFault): void
}

export class SimulatedProcess implements Owner {
  alive = true
  paused = false
  /** ms the wall clock is ahead. */
  private skewMs = 0
  /** The fault of the clock nobody has seen yet. */
  private unseen: Exclude<ProcessFault, 'pause'> | undefined
  /** How fast its monotonic clock runs; set before anything runs. */
  pace = 1
  readonly env: Env
  private readonly kernel: Kernel
  private readonly disk: SimulatedDisk | undefined
  private readonly counts: ProcessFaultCounts
  private readonly random: Random
  /** What came due while it stood still. */
  private deferred: (() => void)[] = []
  /** Requests that came meanwhile, and what they led to: no connection hands it over in its order. */
  private knocks: (() => void)[] = []
  /** What was to run soon before it woke up, and has not. */
  private soonToCome = 0
  private wakes = false

  /**
   * @param machine whose disk it has; undefined for a process without one
   * @param counts of the faults it sees
   * @param others what becomes of other processes, by pid
   */
  constructor(
    kernel: Kernel,
    machine: Machine | undefined,
    counts: ProcessFaultCounts,
    random: Random,
    pid: number,
    others: (identity: ProcessIdentity) => ReturnType<Env['processes']['fate']>,
  ) {
    this.kernel = kernel
    this.random = random
    this.counts = counts
    const disk = machine && new SimulatedDisk(kernel, machine, this)
    this.disk = disk
    this.env = {
      clock: {
        now: () => this.wallClock(),
        monotonic: () => kernel.now * this.pace,
      },
      chance: { next: () => random.next(), bytes: (length) => random.bytes(length) },
      timers: {
        after: (delayMs, run): TimerHandle => kernel.after(delayMs / this.pace, run, this),
        soon: (run) => {
          this.soon(run)
        },
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
    this.knocks = []
    this.disk?.tear()
  }

  pause(): void {
    this.paused = true
    this.wakes = false
  }

  /** Puts the wall clock ahead, or back. The fault counts when the process looks at it. */
  shiftClock(byMs: number, kind: Exclude<ProcessFault, 'pause'>): void {
    this.skewMs += byMs
    this.unseen = kind
  }

  /** The wall clock is right again. */
  setClock(): void {
    this.skewMs = 0
    this.unseen = undefined
  }

  /** Goes on with everything that came due meanwhile, in its order, one after the other. */
  resume(): void {
    if (this.wakes) return
    if (this.deferred.length > 0) this.counts.add('pause')
    this.wakes = true
    this.catchUp()
  }

  /** A request from outside comes in at once, or when it wakes up: nobody knows before what else. */
  knock(run: () => void): void {
    if (this.paused) this.knocks.push(run)
    else run()
  }

  defer(run: () => void): void {
    this.deferred.push(run)
  }

  /** What runs soon keeps its order; between what was heard meanwhile it may come in anywhere. */
  private soon(run: () => void): void {
    if (this.wakes && this.soonToCome === 0) {
      this.knocks.push(run)
      return
    }
    this.soonToCome++
    const ran = (): void => {
      this.soonToCome--
      run()
    }
    this.kernel.after(0.001 + this.random.next() * 0.02, ran, this)
  }

  private catchUp(): void {
    if (!this.alive || !this.wakes) return
    const knocked = this.deferred.length === 0 || this.random.chance(0.5)
    const run = (knocked ? this.knocks.shift() : undefined) ?? this.deferred.shift()
    if (run === undefined) {
      this.paused = false
      this.wakes = false
      return
    }
    run()
    this.kernel.after(this.random.between(0, stepMsMax), () => {
      this.catchUp()
    })
  }

  private wallClock(): number {
    if (this.unseen !== undefined) {
      this.counts.add(this.unseen)
      this.unseen = undefined
    }
    return Math.floor(beginning + this.kernel.now + this.skewMs)
  }
}
