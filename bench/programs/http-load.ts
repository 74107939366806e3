/**
 * The generator of the HTTP scenario, in a process of its own: autocannon, each request with a payer,
 * a payee and a key of its own.
 */
import { performance } from 'node:perf_hooks'
import type autocannon from 'autocannon'
import { Acknowledged, amountEach } from '../harness/acknowledged.js'
import { BenchFailed } from '../harness/bench-failed.js'
import { Latencies } from '../harness/latencies.js'
import type { Measured } from '../harness/loops.js'
import { startMeter } from '../harness/meter.js'
import { serveOrders } from '../harness/program.js'
import { currency, Pairs, Parties } from './parties.js'

export interface HttpRound {
  readonly url: string
  readonly seconds: number
  readonly connections: number
  /** Lines of each batch; 0 sends payments one by one. */
  readonly lines: number
  /** Whether what is answered must be found on disk afterwards. */
  readonly counted: boolean
}

type Pair = readonly [payer: number, payee: number]

/** What autocannon hands from request to response: one a connection. */
interface Exchange {
  pairs?: readonly Pair[]
  at?: number
}

const seed = 4_711

class HttpLoad {
  readonly acknowledgements: Acknowledged
  private readonly parties: Parties
  private readonly pairs: Pairs
  private next = 0

  constructor(accounts: number) {
    this.parties = new Parties(accounts)
    this.pairs = new Pairs(this.parties, {}, seed)
    this.acknowledgements = new Acknowledged(this.parties.count)
  }

  async run(cannon: typeof autocannon, options: HttpRound): Promise<Measured> {
    const open = new Set<Exchange>()
    const latencies = new Latencies()
    const sum = { completed: 0, refused: 0 }
    const stop = startMeter()
    const request: autocannon.Request = {
      method: 'POST',
      path: options.lines === 0 ? '/v1/payments' : '/v1/payments/batch',
      setupRequest: (made, context) => {
        const exchange = context as Exchange
        exchange.pairs = Array.from({ length: Math.max(1, options.lines) }, () => this.pair())
        exchange.at = performance.now()
        open.add(exchange)
        return { ...made, ...this.contentOf(exchange.pairs, options.lines > 0) }
      },
      onResponse: (status, body, context) => {
        const exchange = context as Exchange
        latencies.record(performance.now() - exchange.at!)
        open.delete(exchange)
        this.answered(exchange.pairs!, status, body, options, sum)
      },
    }
    const { url, connections, seconds } = options
    await cannon({ url, connections, duration: seconds, timeout: 30, requests: [request] })
    // What was under way when time was up may or may not have run.
    for (const { pairs } of open) {
      if (options.counted)
        pairs?.forEach(([payer, payee]) => this.acknowledgements.perhaps(payer, payee))
    }
    return { ...sum, seconds, latency: latencies.pack(), meter: stop() }
  }

  private pair(): Pair {
    const payer = this.pairs.payer()
    return [payer, this.pairs.payee(payer)]
  }

  private contentOf(
    pairs: readonly Pair[],
    batch: boolean,
  ): Pick<autocannon.Request, 'headers' | 'body'> {
    const lines = pairs.map(([payer, payee]) => ({
      payer: this.parties.addresses[payer]!,
      payee: this.parties.addresses[payee]!,
      amount: amountEach,
      currency,
    }))
    if (!batch) {
      const headers = { 'content-type': 'application/json', 'idempotency-key': this.key() }
      return { headers, body: JSON.stringify(lines[0]) }
    }
    const body = lines.map((line) => `${JSON.stringify({ ...line, idempotencyKey: this.key() })}\n`)
    return { headers: { 'content-type': 'application/x-ndjson' }, body: body.join('') }
  }

  private key(): string {
    return `h-${this.next++}`
  }

  private answered(
    pairs: readonly Pair[],
    status: number,
    body: string,
    { lines, counted }: HttpRound,
    sum: { completed: number; refused: number },
  ): void {
    const answers = lines === 0 ? [body] : body.split('\n')
    pairs.forEach(([payer, payee], i) => {
      const settled = status < 300 && (answers[i] ?? '').includes('"settled"')
      if (!settled) {
        sum.refused++
        if (counted) this.acknowledgements.perhaps(payer, payee)
        return
      }
      sum.completed++
      if (counted) this.acknowledgements.paid(payer, payee)
    })
  }
}

let load: HttpLoad | undefined

async function loadCannon(): Promise<typeof autocannon> {
  try {
    return (await import('autocannon')).default
  } catch {
    throw new BenchFailed(
      'The load generator autocannon is not installed; run "npm install autocannon".',
    )
  }
}

serveOrders({
  async open(accounts: number): Promise<void> {
    await loadCannon()
    load = new HttpLoad(accounts)
  },
  round: async (options: HttpRound): Promise<Measured> => load!.run(await loadCannon(), options),
  save: (path: string) => load!.acknowledgements.save(path),
})
