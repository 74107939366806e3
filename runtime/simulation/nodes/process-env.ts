/**
 * The environment of one simulated process: its clock may be wrong, its disk is slow, and when it dies
 * nothing of it runs any more.
 */
import type { Disk, DiskFile, Env, TimerHandle } from '../../env/env.js'
import type { MemoryDisk } from '../../journal/testing/memory-disk.js'
import type { VirtualTime } from './world.js'

const epochMs = 1_700_000_000_000
/** Wall clock and disk of simulated processes. */
export interface ProcessOptions {
  readonly pid: number
  readonly disk: MemoryDisk
  /** ms one disk operation takes, at most. */
  readonly diskMsMax: number
}

export class ProcessEnv implements Env {
  alive = true
  /** ms the wall clock is wrong by. */
  clockErrorMs = 0
  /** While true nothing of the process runs; it goes on afterwards. */
  paused = false
  readonly disk: Disk
  private readonly time: VirtualTime
  private readonly options: ProcessOptions
  private readonly missed: (() => void)[] = []

  constructor(time: VirtualTime, options: ProcessOptions) {
    this.time = time
    this.options = options
    this.disk = new SlowDisk(options.disk, () => this.diskTurn())
  }

  readonly clock = {
    now: (): number => epochMs + this.time.now + this.clockErrorMs,
    monotonic: (): number => this.time.now,
  }

  readonly chance = {
    next: (): number => this.time.random(),
    bytes: (length: number): Uint8Array =>
      Uint8Array.from({ length }, () => this.time.random() * 256),
  }

  readonly timers = {
    after: (delayMs: number, run: () => void): TimerHandle =>
      this.time.after(delayMs, () => {
        this.run(run)
      }),
    soon: (run: () => void): void => void this.timers.after(0.001, run),
  }

  get processes(): Env['processes'] {
    return {
      self: { pid: this.options.pid, startedAt: '1', place: 'here' },
      cores: 1,
      end: (sentence: string) => {
        throw new Error(sentence)
      },
      fate: () => 'gone',
    }
  }

  /** Runs something of this process: now, when it goes on, or never. */
  run(what: () => void): void {
    if (!this.alive) return
    if (this.paused) this.missed.push(what)
    else what()
  }

  resume(): void {
    this.paused = false
    for (const what of this.missed.splice(0)) this.run(what)
  }

  /** Resolves when the disk gets to it; never for a process that died. */
  private diskTurn(): Promise<void> {
    return new Promise((resolve) => {
      this.timers.after(0.02 + this.time.random() * this.options.diskMsMax, resolve)
    })
  }
}

/** A disk on which each operation waits its turn, and is over some time after it was done. */
class SlowDisk implements Disk {
  private readonly inner: MemoryDisk
  private readonly turn: () => Promise<void>

  constructor(inner: MemoryDisk, turn: () => Promise<void>) {
    this.inner = inner
    this.turn = turn
  }

  makeFolder(): Promise<void> {
    return this.inner.makeFolder()
  }

  list(path: string): Promise<string[]> {
    return this.slowly(() => this.inner.list(path))
  }

  async open(path: string, mode: 'read' | 'readwrite' | 'create'): Promise<DiskFile> {
    const file = await this.slowly(() => this.inner.open(path, mode))
    return {
      read: (position, length) => file.read(position, length),
      write: (bytes, position) => {
        // The caller may use its buffer again.
        const copy = Uint8Array.from(bytes)
        return this.slowly(() => file.write(copy, position))
      },
      sync: () => this.slowly(() => file.sync()),
      size: () => file.size(),
      close: () => file.close(),
    }
  }

  existsNow(path: string): boolean {
    return this.inner.existsNow(path)
  }

  rename(from: string, to: string): Promise<void> {
    return this.slowly(() => this.inner.rename(from, to))
  }

  remove(path: string): Promise<void> {
    return this.slowly(() => this.inner.remove(path))
  }

  syncFolder(path: string): Promise<void> {
    return this.slowly(() => this.inner.syncFolder(path))
  }

  touch(path: string): Promise<void> {
    return this.slowly(() => this.inner.touch(path))
  }

  ageMs(path: string): Promise<number> {
    return this.inner.ageMs(path)
  }

  private async slowly<T>(operation: () => Promise<T>): Promise<T> {
    await this.turn()
    const result = await operation()
    await this.turn()
    return result
  }
}
