/** Prometheus text, as far as `status` needs it: names, labels as text, values. */

export interface Metric {
  readonly name: string
  /** As written between the braces; '' when there are none. */
  readonly labels: string
  readonly value: number
}

const lineForm = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)/

export function parseMetrics(text: string): Metric[] {
  const metrics: Metric[] = []
  for (const line of text.split('\n')) {
    const [, name, labels, value] = lineForm.exec(line) ?? []
    if (name === undefined) continue
    metrics.push({ name, labels: labels ?? '', value: Number(value) })
  }
  return metrics
}

/** Over all labels; 0 when there is none of this name. */
export function sumOfMetric(metrics: readonly Metric[], name: string): number {
  return metrics.reduce((sum, metric) => (metric.name === name ? sum + metric.value : sum), 0)
}
