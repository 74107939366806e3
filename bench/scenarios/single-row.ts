/** Rows of what is measured in single shots rather than as a rate. */
import { Latencies } from '../harness/latencies.js'
import { percentilesOf, median, type Row } from '../harness/rounds.js'

/** One row of several timed shots: their latencies, and how many of `units` a second of the median does. */
export function shotsRow(name: string, unit: string, shotsMs: readonly number[], units = 1): Row {
  const latencies = new Latencies()
  for (const ms of shotsMs) latencies.record(ms)
  const rates = shotsMs.map((ms) => (units * 1000) / ms)
  return {
    name,
    unit,
    completed: units * shotsMs.length,
    refused: 0,
    perSecond: median(rates),
    spread: { min: Math.min(...rates), max: Math.max(...rates), rounds: shotsMs.length },
    latencyMs: latencies.summary(),
    percentiles: percentilesOf(latencies),
    valid: true,
  }
}

/** A row that could not be measured, with the sentence that says why. */
export function absentRow(name: string, unit: string, remark: string): Row {
  return {
    name,
    unit,
    completed: 0,
    refused: 0,
    perSecond: 0,
    spread: { min: 0, max: 0, rounds: 0 },
    latencyMs: { p50: 0, p90: 0, p99: 0, p999: 0, max: 0 },
    percentiles: [],
    valid: true,
    remark,
  }
}
