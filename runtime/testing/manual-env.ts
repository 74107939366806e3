/**
 * An environment driven by hand: time moves when a test says so, chance comes from a seed, delayed
 * work runs when it is asked to. No disk: shards under test get a journal in memory.
 */
import type { Env } from '../env/env.js'

interface Delayed {
  readonly due: number
  readonly order: number
  readonly run: () => void
}

export class ManualEnv implements Env {
  /** Wall clock, ms since 1970; tests set it. */
  wall = 1_700_000_000_000
  private elapsed = 0
  private seed: number
  private order = 0
  private delayed: Delayed[] = []

  constructor(seed = 1) {
    this.seed = seed
  }

  readonly clock = { now: (): number => this.wall, monotonic: (): number => this.elapsed }
  readonly chance = {
    next: (): number => this.random(),
    bytes: (length: number): Uint8Array => Uint8Array.from({ length }, () => this.random() * 256),
  }
  readonly timers = {
    after: (delayMs: number, run: () => void): { cancel(): void } => {
      const entry = { due: this.elapsed + delayMs, order: this.order++, run }
      this.delayed.push(entry)
      return { cancel: () => void (this.delayed = this.delayed.filter((other) => other !== entry)) }
    },
    soon: (run: () => void): void => {
      this.timers.after(0, run)
    },
  }

  get disk(): never {
    throw new Error('no disk here')
  }
  get processes(): never {
    throw new Error('no processes here')
  }

  /** Lets time pass and runs what becomes due, in order. */
  async advance(ms: number): Promise<void> {
    const until = this.elapsed + ms
    for (;;) {
      // Settled promises first: a real event loop would have run their reactions by now.
      await new Promise<void>((resolve) => setImmediate(resolve))
      const next = this.delayed
        .filter((entry) => entry.due <= until)
        .sort((a, b) => a.due - b.due || a.order - b.order)[0]
      if (next === undefined) break
      this.delayed = this.delayed.filter((entry) => entry !== next)
      this.move(Math.max(this.elapsed, next.due))
      next.run()
    }
    this.move(until)
  }

  private move(to: number): void {
    this.wall += to - this.elapsed
    this.elapsed = to
  }

  private random(): number {
    this.seed = (Math.imul(this.seed, 1664525) + 1013904223) >>> 0
    return this.seed / 2 ** 32
  }
}
