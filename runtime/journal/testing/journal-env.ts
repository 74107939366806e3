/**
 * An environment for tests of the journal: a disk in memory, processes whose fate a test decides, time
 * that passes only while somebody waits for it.
 */
import type { Env, ProcessIdentity, TimerHandle } from '../../env/env.js'
import { MemoryDisk } from './memory-disk.js'

type Fate = 'running' | 'paused' | 'gone' | 'unknown'

interface Delayed {
  readonly due: number
  readonly run: () => void
}

/** Delays this long are heartbeats and the like; they run when a test lets time pass. */
const longDelayMs = 1_000

export class JournalEnv implements Env {
  readonly disk: MemoryDisk
  /** By pid; others are gone. */
  readonly fates: Map<number, Fate>
  private readonly pid: number
  private seed: number
  /** Shared by all processes on a disk: time passes for all of them. */
  private readonly waiting: Set<Delayed>

  constructor(
    disk = new MemoryDisk(),
    pid = 1,
    fates = new Map<number, Fate>(),
    waiting = new Set<Delayed>(),
  ) {
    this.waiting = waiting
    this.disk = disk
    this.pid = pid
    this.fates = fates
    this.seed = pid
  }

  /** Another process on the same disk. */
  otherProcess(pid: number): JournalEnv {
    return new JournalEnv(this.disk, pid, this.fates, this.waiting)
  }

  readonly clock = {
    now: (): number => 1_700_000_000_000 + this.disk.now,
    monotonic: (): number => this.disk.now,
  }

  readonly chance = {
    next: (): number => this.random(),
    bytes: (length: number): Uint8Array => Uint8Array.from({ length }, () => this.random() * 256),
  }

  readonly timers = {
    after: (delayMs: number, run: () => void): TimerHandle => {
      if (delayMs >= longDelayMs) {
        const entry = { due: this.disk.now + delayMs, run }
        this.waiting.add(entry)
        return { cancel: () => void this.waiting.delete(entry) }
      }
      const handle = setImmediate(() => {
        this.pass(delayMs)
        run()
      })
      return { cancel: () => clearImmediate(handle) }
    },
    soon: (run: () => void): void => void setImmediate(run),
  }

  get processes(): Env['processes'] {
    const self: ProcessIdentity = { pid: this.pid, startedAt: '1', place: 'here' }
    return {
      self,
      cores: 2,
      end: (sentence: string) => {
        throw new Error(sentence)
      },
      fate: ({ pid }) => (pid === this.pid ? 'running' : (this.fates.get(pid) ?? 'gone')),
    }
  }

  /** Lets time pass; what became due runs. */
  pass(ms: number): void {
    this.disk.now += ms
    for (const entry of [...this.waiting]) {
      if (entry.due > this.disk.now) continue
      this.waiting.delete(entry)
      entry.run()
    }
  }

  private random(): number {
    this.seed = (Math.imul(this.seed, 1664525) + 1013904223) >>> 0
    return this.seed / 2 ** 32
  }
}
