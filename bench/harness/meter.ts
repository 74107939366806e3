/** What a process used during one round: processor, collections, event loop, syncs, memory. */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { readProbe, takeLongestCollectionMs, type ProbeReading } from './probe.js'

export interface MeterReading {
  readonly seconds: number
  readonly cpuUserSeconds: number
  readonly cpuSystemSeconds: number
  readonly gc: { readonly count: number; readonly totalMs: number; readonly maxMs: number }
  /** Of the main thread: share of time it was busy, and how late its timers were. */
  readonly loop: {
    readonly utilization: number
    readonly delayP99Ms: number
    readonly delayMaxMs: number
  }
  readonly syncs: number
  readonly syncMs: number
  readonly bytesWritten: number
  readonly syncMicros: readonly number[]
  readonly groupBytes: readonly number[]
  readonly rssBytes: number
}

/** Begins to measure this process. @returns ends it */
export function startMeter(): () => MeterReading {
  takeLongestCollectionMs()
  const before = readProbe()
  const cpu = process.cpuUsage()
  const loop = performance.eventLoopUtilization()
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  const startedAt = performance.now()
  return () => {
    const seconds = (performance.now() - startedAt) / 1000
    const used = process.cpuUsage(cpu)
    delay.disable()
    const after = readProbe()
    return {
      seconds,
      cpuUserSeconds: used.user / 1e6,
      cpuSystemSeconds: used.system / 1e6,
      gc: {
        count: after.gcCount - before.gcCount,
        totalMs: after.gcMs - before.gcMs,
        maxMs: takeLongestCollectionMs(),
      },
      loop: {
        utilization: performance.eventLoopUtilization(loop).utilization,
        delayP99Ms: delay.percentile(99) / 1e6,
        delayMaxMs: delay.max / 1e6,
      },
      syncs: after.syncs - before.syncs,
      syncMs: after.syncMs - before.syncMs,
      bytesWritten: after.bytes - before.bytes,
      ...difference(before, after),
      rssBytes: process.memoryUsage.rss(),
    }
  }
}

function difference(
  before: ProbeReading,
  after: ProbeReading,
): Pick<MeterReading, 'syncMicros' | 'groupBytes'> {
  const less = (a: readonly number[], b: readonly number[]): number[] =>
    a.map((count, i) => count - (b[i] ?? 0))
  return {
    syncMicros: less(after.syncMicros, before.syncMicros),
    groupBytes: less(after.groupBytes, before.groupBytes),
  }
}
