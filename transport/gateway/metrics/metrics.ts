/** The gateway's Prometheus registry: meters of the routes, and what the host adds. */
import { collectDefaultMetrics, Gauge, Registry, type Metric } from 'prom-client'
import type { OpsMetric, OpsView } from '../ops-view.js'
import type { RouteMeter } from './route-meter.js'

const durationName = 'suanpan_http_request_duration_seconds'

export class GatewayMetrics {
  /** Lines of batches, by what became of them. */
  readonly batchLines = { done: 0, refused: 0 }
  /** Connections that were closed when they came: there were too many. */
  connectionsDropped = 0
  private readonly registry = new Registry()
  private readonly meters: RouteMeter[] = []
  private readonly ops: OpsView

  constructor(ops: OpsView, options: { readonly processMetrics: boolean }) {
    this.ops = ops
    this.registry.registerMetric(durations(this.meters))
    const dropped = (): number => this.connectionsDropped
    new Gauge({
      name: 'suanpan_http_connections_dropped',
      help: 'Connections since the start that were closed when they came, for there were too many.',
      registers: [this.registry],
      collect() {
        this.set(dropped())
      },
    })
    const { batchLines } = this
    new Gauge({
      name: 'suanpan_http_batch_lines',
      help: 'Lines of payment batches since the start, by what became of them.',
      labelNames: ['result'],
      registers: [this.registry],
      collect() {
        this.set({ result: 'done' }, batchLines.done)
        this.set({ result: 'refused' }, batchLines.refused)
      },
    })
    if (options.processMetrics) collectDefaultMetrics({ register: this.registry })
  }

  get contentType(): string {
    return this.registry.contentType
  }

  add(meter: RouteMeter): void {
    this.meters.push(meter)
  }

  /** Everything as Prometheus text. */
  async text(): Promise<string> {
    const own = await this.registry.metrics()
    const added = await this.ops.metrics()
    return `${own}\n${added.map(textOf).join('\n')}`
  }
}

/** A histogram whose numbers are kept elsewhere; the registry only asks it for them. */
function durations(meters: readonly RouteMeter[]): Metric {
  const metric = {
    name: durationName,
    help: 'Time from the arrival of a request to its answer.',
    type: 'histogram',
    get: () =>
      Promise.resolve({
        name: durationName,
        help: metric.help,
        type: 'histogram',
        aggregator: 'sum',
        values: meters.flatMap((meter) =>
          [...meter.samples()].map(({ suffix, labels, value }) => ({
            metricName: `${durationName}${suffix}`,
            labels,
            value,
          })),
        ),
      }),
  }
  return metric as unknown as Metric
}

function textOf({ name, help, type, values }: OpsMetric): string {
  const lines = values.map(({ labels = {}, value }) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`)
    return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`
  })
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('\n')}\n`
}

function escaped(text: string | number): string {
  return String(text).replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))
}
