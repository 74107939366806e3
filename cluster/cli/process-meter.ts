/** What a node's process uses and how quickly it answers: what `suanpan top` shows of it. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { ProcessVitals } from '../node/vitals.js'
import { LatencyRecorder } from './latency.js'

/** ms over which latencies and delays are told. */
const windowMs = 10_000

export class ProcessMeter {
  private readonly delay = monitorEventLoopDelay({ resolution: 10 })
  private count = 0
  private begun = performance.now()
  private lately = new LatencyRecorder()
  private before = new LatencyRecorder()

  constructor() {
    this.delay.enable()
  }

  /** Takes one answered request. */
  answered(ms: number): void {
    this.count++
    this.turn()
    this.lately.record(ms)
  }

  read(): ProcessVitals {
    this.turn()
    const { user, system } = process.cpuUsage()
    // A window that has just begun says little; then the one before it is shown.
    const shown = this.lately.recorded > 0 ? this.lately : this.before
    const { p50, p99 } = shown.summary()
    return {
      pid: process.pid,
      uptimeSeconds: process.uptime(),
      cpuSeconds: (user + system) / 1e6,
      rssBytes: process.memoryUsage.rss(),
      loopDelayMs: Math.max(0, this.delay.percentile(99) / 1e6 - 10),
      answered: this.count,
      p50Ms: p50,
      p99Ms: p99,
    }
  }

  private turn(): void {
    const now = performance.now()
    if (now - this.begun < windowMs) return
    this.begun = now
    this.before = this.lately
    this.lately = new LatencyRecorder()
    this.delay.reset()
  }
}
