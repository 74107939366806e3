/**
 * Latencies of many operations in an HdrHistogram: microseconds, three significant digits, up to 10
 * minutes. Histograms of several rounds and processes are added, percentiles are never averaged.
 */
import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from 'hdr-histogram-js'

/** ms. */
export interface LatencySummary {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

const microsMax = 600_000_000

export class Latencies {
  private readonly histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: microsMax,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 64,
    useWebAssembly: false,
  })

  record(ms: number): void {
    this.histogram.recordValue(Math.min(microsMax, Math.max(1, Math.round(ms * 1000))))
  }

  get count(): number {
    return this.histogram.totalCount
  }

  /** ms below which this share of all, in percent, was. */
  percentile(percent: number): number {
    return this.histogram.getValueAtPercentile(percent) / 1000
  }

  summary(): LatencySummary {
    return {
      p50: this.percentile(50),
      p90: this.percentile(90),
      p99: this.percentile(99),
      p999: this.percentile(99.9),
      max: this.count === 0 ? 0 : this.histogram.maxValue / 1000,
    }
  }

  /** As text, to go from process to process. */
  pack(): string {
    return encodeIntoCompressedBase64(this.histogram)
  }

  addPacked(packed: string): void {
    this.histogram.add(decodeFromCompressedBase64(packed, 64, false))
  }
}

/** All rounds as one. */
export function mergeLatencies(packed: readonly string[]): Latencies {
  const merged = new Latencies()
  for (const one of packed) merged.addPacked(one)
  return merged
}
