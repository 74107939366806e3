/**
 * Rounds: every lane is warmed up, then the lanes take turns, each round beginning with another one, so
 * that what disturbs a machine for a while disturbs all of them. The median counts, the spread is told.
 */
import { addBuckets, shareBelow } from './buckets.js'
import { mergeLatencies, type Latencies, type LatencySummary } from './latencies.js'
import { invalidity, type Measured } from './loops.js'

/** One thing that is measured: a process with a load on it. */
export interface Lane {
  readonly name: string
  /** Runs it for so many seconds. */
  round(seconds: number): Promise<Measured>
}

export interface RoundOptions {
  readonly rounds: number
  readonly seconds: number
  readonly warmUpSeconds: number
  readonly say: (sentence: string) => void
}

/** A lane's rounds as one row of the report. */
export interface Row {
  readonly name: string
  readonly unit: string
  readonly completed: number
  readonly refused: number
  /** Of the median round. */
  readonly perSecond: number
  readonly spread: { readonly min: number; readonly max: number; readonly rounds: number }
  readonly latencyMs: LatencySummary
  /** p, ms: for the percentile plot. */
  readonly percentiles: readonly (readonly [number, number])[]
  readonly offeredPerSecond?: number
  readonly valid: boolean
  /** Why not, or what a reader must know. */
  readonly remark?: string
  readonly ratio?: { readonly of: string; readonly value: number }
  readonly usage?: Usage
}

/** Per measured process, over all rounds. */
export interface Usage {
  readonly cpuUserSeconds: number
  readonly cpuSystemSeconds: number
  /** Processor time of one operation, µs. */
  readonly cpuMicrosEach: number
  readonly gc: { readonly count: number; readonly totalMs: number; readonly maxMs: number }
  readonly loop: {
    readonly utilization: number
    readonly delayP99Ms: number
    readonly delayMaxMs: number
  }
  readonly syncs: number
  readonly syncMs: { readonly p50: number; readonly p99: number }
  /** Operations, and bytes, that shared a sync. */
  readonly group: {
    readonly operations: number
    readonly bytesP50: number
    readonly bytesP99: number
  }
  readonly groupBytes: readonly number[]
  readonly rssBytes: number
}

/** @returns all rounds by lane, in the order of the lanes */
export async function interleave(
  lanes: readonly Lane[],
  options: RoundOptions,
): Promise<Map<Lane, Measured[]>> {
  const measured = new Map<Lane, Measured[]>(lanes.map((lane) => [lane, []]))
  for (const lane of lanes) {
    options.say(`warming up ${lane.name}`)
    await lane.round(options.warmUpSeconds)
  }
  for (let round = 0; round < options.rounds; round++) {
    for (let turn = 0; turn < lanes.length; turn++) {
      const lane = lanes[(round + turn) % lanes.length]!
      options.say(`round ${round + 1} of ${options.rounds}: ${lane.name}`)
      measured.get(lane)!.push(await lane.round(options.seconds))
    }
  }
  return measured
}

/** Interleaves, and makes a row of each lane. */
export async function measureRows(
  lanes: readonly Lane[],
  options: RoundOptions,
  unit: string,
): Promise<Row[]> {
  const measured = await interleave(lanes, options)
  return lanes.map((lane) => rowOf(lane.name, unit, measured.get(lane)!))
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  if (sorted.length === 0) return 0
  if (sorted.length % 2 === 1) return sorted[Math.floor(middle)]!
  return (sorted[middle - 1]! + sorted[middle]!) / 2
}

const plotted = [0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 99.999]

export function percentilesOf(latencies: Latencies): [number, number][] {
  // Beyond one in the number of samples a percentile is the maximum once more.
  const last = 100 - 100 / Math.max(1, latencies.count)
  return plotted.filter((p) => p <= last).map((p) => [p, latencies.percentile(p)])
}

/** One row of several rounds. */
export function rowOf(name: string, unit: string, rounds: readonly Measured[]): Row {
  const rates = rounds.map(({ completed, seconds }) => completed / seconds)
  const latencies = mergeLatencies(rounds.map(({ latency }) => latency))
  const bad = rounds.map(invalidity).filter((why) => why !== undefined)
  const refused = sumOf(rounds, (one) => one.refused)
  const remark =
    bad[0] ??
    (refused > 0
      ? `${refused} refused (${rounds.find((one) => one.refusal)?.refusal ?? ''})`
      : undefined)
  const offered = rounds[0]?.offered?.perSecond
  return {
    name,
    unit,
    completed: sumOf(rounds, (one) => one.completed),
    refused,
    perSecond: median(rates),
    spread: { min: Math.min(...rates), max: Math.max(...rates), rounds: rounds.length },
    latencyMs: latencies.summary(),
    percentiles: percentilesOf(latencies),
    ...(offered === undefined ? {} : { offeredPerSecond: offered }),
    valid: bad.length === 0,
    ...(remark === undefined ? {} : { remark }),
    usage: usageOf(rounds),
  }
}

function usageOf(rounds: readonly Measured[]): Usage {
  const sum = (of: (meter: Measured['meter']) => number): number =>
    sumOf(rounds, (one) => of(one.meter))
  const max = (of: (meter: Measured['meter']) => number): number =>
    Math.max(0, ...rounds.map((one) => of(one.meter)))
  const completed = sumOf(rounds, (one) => one.completed)
  const syncMicros = addBuckets(rounds.map(({ meter }) => meter.syncMicros))
  const groupBytes = addBuckets(rounds.map(({ meter }) => meter.groupBytes))
  const cpuUserSeconds = sum((meter) => meter.cpuUserSeconds)
  const cpuSystemSeconds = sum((meter) => meter.cpuSystemSeconds)
  const syncs = sum((meter) => meter.syncs)
  return {
    cpuUserSeconds,
    cpuSystemSeconds,
    cpuMicrosEach: ((cpuUserSeconds + cpuSystemSeconds) * 1e6) / Math.max(1, completed),
    gc: {
      count: sum((meter) => meter.gc.count),
      totalMs: sum((meter) => meter.gc.totalMs),
      maxMs: max((meter) => meter.gc.maxMs),
    },
    loop: {
      utilization: median(rounds.map(({ meter }) => meter.loop.utilization)),
      delayP99Ms: max((meter) => meter.loop.delayP99Ms),
      delayMaxMs: max((meter) => meter.loop.delayMaxMs),
    },
    syncs,
    syncMs: { p50: shareBelow(syncMicros, 0.5) / 1000, p99: shareBelow(syncMicros, 0.99) / 1000 },
    group: {
      operations: completed / Math.max(1, syncs),
      bytesP50: shareBelow(groupBytes, 0.5),
      bytesP99: shareBelow(groupBytes, 0.99),
    },
    groupBytes,
    rssBytes: max((meter) => meter.rssBytes),
  }
}

function sumOf(rounds: readonly Measured[], of: (measured: Measured) => number): number {
  return rounds.reduce((total, one) => total + of(one), 0)
}

/** The row with its rate beside another's. */
export function beside(row: Row, other: Row): Row {
  return {
    ...row,
    ratio: { of: other.name, value: other.perSecond === 0 ? 0 : row.perSecond / other.perSecond },
  }
}
