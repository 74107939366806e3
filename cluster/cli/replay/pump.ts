/**
 * Keeps a bounded window of requests in flight until a list of them is done: as fast as answers come,
 * or at a given rate. Owns retries and counting; what a request is, its caller knows.
 *
 * W1. At most `window` requests are unanswered at any time; a request that waits for its retry keeps
 *     its place.
 * W2. Every request ends once: settled, refused, or unresolved after `attemptsMax` attempts.
 *     A retry carries the same idempotency key, so a request is applied once however often it is sent.
 * W3. With a rate, latency counts from the moment a request was meant to be sent: a slow answer is
 *     charged to those that waited behind it.
 * W4. Nothing is made per request but the promise its caller returns; places are reused.
 */
import { Refused, SuanpanError } from '../../../runtime/index.js'
import { LatencyRecorder } from '../latency.js'

/** The part of an answer the pump looks at. */
export interface PumpReply {
  readonly replayed: boolean
}

export interface PumpOptions {
  /** Requests there are, numbered from 0. */
  readonly count: number
  /** Sends request number `index`, again too: the same request with the same key. */
  readonly send: (index: number) => Promise<PumpReply>
  /** Unanswered requests at most. */
  readonly window: number
  /** Requests a second; 0 means as fast as answers come. */
  readonly rate?: number
  /** Called when request `index` was settled, now or (replayed) before. */
  readonly onSettled?: (index: number, replayed: boolean, reply: PumpReply) => void
  /** Called when request `index` was refused. */
  readonly onRefused?: (index: number, code: string) => void
  /** Called about ten times a second. */
  readonly onProgress?: (done: number) => void
}

/** What became of the requests. */
export interface PumpResult {
  readonly settled: number
  /** Settled by an earlier run; answered from what is remembered. */
  readonly replayed: number
  /** Refusals by code. */
  readonly refused: Readonly<Record<string, number>>
  /** How many of the refusals were remembered ones. */
  readonly refusedReplayed: number
  /** Still without an answer after many attempts, by code. */
  readonly unresolved: Readonly<Record<string, number>>
  readonly retries: number
  readonly seconds: number
  readonly perSecond: number
  readonly latency: LatencyRecorder
  /** False when it was stopped before all requests were sent. */
  readonly complete: boolean
}

const attemptsMax = 20
const backOffMsMin = 5
const backOffMsMax = 2_000
const progressMs = 100
/** Wait between two looks at what is due when a rate is given. */
const paceMs = 1

/** Faults after which nothing more can be answered. */
const finalCodes: ReadonlySet<string> = new Set(['closed', 'journal_failed', 'fenced'])

export class Pump {
  readonly latency = new LatencyRecorder()
  readonly options: PumpOptions
  private readonly rate: number
  private readonly free: Place[] = []
  private readonly refused: Record<string, number> = {}
  private readonly unresolved: Record<string, number> = {}
  private settled = 0
  private replayed = 0
  private refusedReplayed = 0
  private retries = 0
  private done = 0
  private next = 0
  private startedAt = 0
  private stopped = false
  private pace: NodeJS.Timeout | undefined
  private ticker: NodeJS.Timeout | undefined
  private finish: () => void = () => undefined
  private fail: (error: unknown) => void = () => undefined

  constructor(options: PumpOptions) {
    this.options = options
    this.rate = options.rate ?? 0
    const places = Math.min(options.window, options.count)
    for (let i = 0; i < places; i++) this.free.push(new Place(this))
  }

  /** Sends all. @throws Fault when the runtime ended, and whatever is no refusal and no fault */
  async run(): Promise<PumpResult> {
    this.startedAt = performance.now()
    this.ticker = setInterval(() => this.options.onProgress?.(this.done), progressMs)
    try {
      await new Promise<void>((resolve, reject) => {
        this.finish = resolve
        this.fail = (error) => {
          this.stopped = true
          reject(error instanceof Error ? error : new Error(String(error)))
        }
        this.fill()
        this.finishIfDone()
      })
    } finally {
      clearInterval(this.ticker)
      clearTimeout(this.pace)
    }
    return this.result()
  }

  /** Sends no more; {@link run} resolves when what is in flight is answered. */
  stop(): void {
    this.stopped = true
    this.finishIfDone()
  }

  /** An answer came. */
  answered(place: Place, reply: PumpReply): void {
    if (reply.replayed) this.replayed++
    else this.settled++
    this.options.onSettled?.(place.index, reply.replayed, reply)
    this.end(place)
  }

  /** A refusal or a fault came. */
  rejected(place: Place, error: unknown): void {
    if (error instanceof Refused) {
      this.refused[error.code] = (this.refused[error.code] ?? 0) + 1
      if (error.replayed) this.refusedReplayed++
      this.options.onRefused?.(place.index, error.code)
      this.end(place)
    } else if (!(error instanceof SuanpanError) || finalCodes.has(error.code)) {
      this.fail(error)
    } else if (!error.retryable && error.outcome === 'not_executed') {
      this.refused[error.code] = (this.refused[error.code] ?? 0) + 1
      this.options.onRefused?.(place.index, error.code)
      this.end(place)
    } else if (!error.retryable || place.attempts >= attemptsMax) {
      this.unresolved[error.code] = (this.unresolved[error.code] ?? 0) + 1
      this.end(place)
    } else {
      this.retries++
      setTimeout(() => place.send(), backOff(place.attempts))
    }
  }

  private end(place: Place): void {
    this.latency.record(performance.now() - place.intendedAt)
    this.done++
    if (this.rate === 0 && this.next < this.options.count && !this.stopped) {
      place.start(this.next++, performance.now())
      return
    }
    this.free.push(place)
    this.finishIfDone()
  }

  private fill(): void {
    if (this.stopped) return
    const now = performance.now()
    const { count } = this.options
    const due = this.rate === 0 ? count : Math.ceil(((now - this.startedAt) / 1000) * this.rate)
    const end = Math.min(count, due)
    while (this.next < end) {
      const place = this.free.pop()
      if (place === undefined) break
      const intendedAt = this.rate === 0 ? now : this.startedAt + (this.next / this.rate) * 1000
      place.start(this.next++, intendedAt)
    }
    if (this.rate > 0 && this.next < count) this.pace = setTimeout(() => this.fill(), paceMs)
  }

  private finishIfDone(): void {
    if (this.done === this.next && (this.stopped || this.next === this.options.count)) this.finish()
  }

  private result(): PumpResult {
    const seconds = (performance.now() - this.startedAt) / 1000
    return {
      settled: this.settled,
      replayed: this.replayed,
      refused: this.refused,
      refusedReplayed: this.refusedReplayed,
      unresolved: this.unresolved,
      retries: this.retries,
      seconds,
      perSecond: seconds > 0 ? this.done / seconds : 0,
      latency: this.latency,
      complete: this.done === this.options.count,
    }
  }
}

/** One place of the window. Its two callbacks are made once. */
class Place {
  index = 0
  attempts = 0
  /** Monotonic ms. */
  intendedAt = 0
  private readonly pump: Pump
  private readonly fulfilled: (reply: PumpReply) => void
  private readonly rejected: (error: unknown) => void

  constructor(pump: Pump) {
    this.pump = pump
    this.fulfilled = (reply) => pump.answered(this, reply)
    this.rejected = (error) => pump.rejected(this, error)
  }

  start(index: number, intendedAt: number): void {
    this.index = index
    this.attempts = 0
    this.intendedAt = intendedAt
    this.send()
  }

  send(): void {
    this.attempts++
    this.pump.options.send(this.index).then(this.fulfilled, this.rejected)
  }
}

/** Doubles from attempt to attempt; a random half keeps retries apart. */
function backOff(attempts: number): number {
  const whole = Math.min(backOffMsMax, backOffMsMin * 2 ** (attempts - 1))
  return whole / 2 + (Math.random() * whole) / 2
}

/** Sum of counts by code. */
export function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, one) => sum + one, 0)
}
