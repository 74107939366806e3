/** Latencies in an HDR histogram: microseconds, three significant digits, up to half an hour. */
import { build, type Histogram } from 'hdr-histogram-js'
import { milliseconds } from './output.js'

const microsecondsMax = 1_800_000_000

/** Percentiles in ms. */
export interface LatencySummary {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

export class LatencyRecorder {
  private readonly histogram: Histogram = build({
    bitBucketSize: 32,
    autoResize: false,
    lowestDiscernibleValue: 1,
    highestTrackableValue: microsecondsMax,
    numberOfSignificantValueDigits: 3,
    useWebAssembly: false,
  })

  /** @param ms at least 0 */
  record(ms: number): void {
    const microseconds = Math.round(ms * 1000)
    this.histogram.recordValue(Math.min(microsecondsMax, Math.max(1, microseconds)))
  }

  get recorded(): number {
    return this.histogram.totalCount
  }

  summary(): LatencySummary {
    const at = (percentile: number): number =>
      this.recorded === 0 ? 0 : this.histogram.getValueAtPercentile(percentile) / 1000
    return { p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: at(100) }
  }
}

/** One line for people. */
export function latencyLine({ p50, p90, p99, p999, max }: LatencySummary): string {
  return `p50 ${milliseconds(p50)}, p90 ${milliseconds(p90)}, p99 ${milliseconds(p99)}, p99.9 ${milliseconds(p999)}, max ${milliseconds(max)}`
}
