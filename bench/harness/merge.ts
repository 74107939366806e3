/** Rounds of several processes that ran at the same time, as one round. */
import { addBuckets } from './buckets.js'
import { mergeLatencies } from './latencies.js'
import type { Measured } from './loops.js'
import type { MeterReading } from './meter.js'

export function mergeMeasured(rounds: readonly Measured[]): Measured {
  const refusal = rounds.find((one) => one.refusal !== undefined)?.refusal
  return {
    completed: sum(rounds, (one) => one.completed),
    refused: sum(rounds, (one) => one.refused),
    ...(refusal === undefined ? {} : { refusal }),
    seconds: Math.max(...rounds.map(({ seconds }) => seconds)),
    latency: mergeLatencies(rounds.map(({ latency }) => latency)).pack(),
    meter: mergeMeters(rounds.map(({ meter }) => meter)),
  }
}

function mergeMeters(meters: readonly MeterReading[]): MeterReading {
  return {
    seconds: Math.max(...meters.map(({ seconds }) => seconds)),
    cpuUserSeconds: sum(meters, (one) => one.cpuUserSeconds),
    cpuSystemSeconds: sum(meters, (one) => one.cpuSystemSeconds),
    gc: {
      count: sum(meters, ({ gc }) => gc.count),
      totalMs: sum(meters, ({ gc }) => gc.totalMs),
      maxMs: Math.max(...meters.map(({ gc }) => gc.maxMs)),
    },
    loop: {
      utilization: sum(meters, ({ loop }) => loop.utilization) / meters.length,
      delayP99Ms: Math.max(...meters.map(({ loop }) => loop.delayP99Ms)),
      delayMaxMs: Math.max(...meters.map(({ loop }) => loop.delayMaxMs)),
    },
    syncs: sum(meters, (one) => one.syncs),
    syncMs: sum(meters, (one) => one.syncMs),
    bytesWritten: sum(meters, (one) => one.bytesWritten),
    syncMicros: addBuckets(meters.map(({ syncMicros }) => syncMicros)),
    groupBytes: addBuckets(meters.map(({ groupBytes }) => groupBytes)),
    rssBytes: sum(meters, (one) => one.rssBytes),
  }
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0)
}
