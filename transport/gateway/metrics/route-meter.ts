/**
 * Counts and durations of requests, by route and status. Counting one is two array increments; the
 * Prometheus form is made when it is asked for.
 */

/** Upper bounds of the duration buckets in ms. */
const boundsMs = [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000]

class Histogram {
  readonly buckets = new Float64Array(boundsMs.length + 1)
  sumMs = 0

  add(ms: number): void {
    let bucket = 0
    while (bucket < boundsMs.length && ms > boundsMs[bucket]!) bucket++
    this.buckets[bucket]!++
    this.sumMs += ms
  }
}

/** The meter of one route. */
export class RouteMeter {
  readonly method: string
  readonly route: string
  private readonly byStatus = new Map<number, Histogram>()

  constructor(method: string, route: string) {
    this.method = method
    this.route = route
  }

  /** @param startedAt `performance.now()` when the request arrived */
  count(status: number, startedAt: number): void {
    let histogram = this.byStatus.get(status)
    if (histogram === undefined) {
      histogram = new Histogram()
      this.byStatus.set(status, histogram)
    }
    histogram.add(performance.now() - startedAt)
  }

  /** Lines of the metric `suanpan_http_request_duration_seconds`. */
  *samples(): Iterable<MeterSample> {
    for (const [status, histogram] of this.byStatus) {
      const labels = { method: this.method, route: this.route, status }
      let count = 0
      for (let i = 0; i < histogram.buckets.length; i++) {
        count += histogram.buckets[i]!
        const le = i < boundsMs.length ? String(boundsMs[i]! / 1000) : '+Inf'
        yield { suffix: '_bucket', labels: { ...labels, le }, value: count }
      }
      yield { suffix: '_sum', labels, value: histogram.sumMs / 1000 }
      yield { suffix: '_count', labels, value: count }
    }
  }
}

export interface MeterSample {
  readonly suffix: '_bucket' | '_sum' | '_count'
  readonly labels: Record<string, string | number>
  readonly value: number
}
