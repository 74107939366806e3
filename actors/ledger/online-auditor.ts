/**
 * The online auditor: audits again and again while payments run, and raises an alarm for everything
 * that is wrong and for money that is in flight too long.
 *
 * O1. With the defaults a loss between two shards is found within 20 s plus the time of one audit,
 *     and a pair of shards that doesn't answer within 35 s.
 * O2. One audit at a time and one schedule, however often it is stopped and started. Who is stopped says
 *     of an audit that was under way what it found, and not that it could not be ended.
 * O3. What is told of an alarm and throws stops no audit.
 */
import { nodeEnv } from '../../runtime/index.js'
import type { AuditView } from '../bank.js'

export interface Alarm {
  readonly type: 'not_conserved' | 'in_flight_too_long' | 'audit_failed'
  /** One sentence for the operator. */
  readonly sentence: string
  /** ms since 1970. */
  readonly at: number
}

export interface OnlineAuditorOptions {
  readonly onAlarm: (alarm: Alarm) => void
  /** ms between the end of an audit and the start of the next. @default 20,000 */
  readonly everyMs?: number
  /** ms that money may be in flight between two shards. @default 60,000 */
  readonly inFlightMsMax?: number
  /** Where time comes from. @default the real clock */
  readonly time?: AuditorTime
}

/** The auditor's port to time. */
export interface AuditorTime {
  now(): number
  after(delayMs: number, run: () => void): { cancel(): void }
}

const everyMsDefault = 20_000
const inFlightMsMaxDefault = 60_000

export class OnlineAuditor {
  private readonly audit: () => Promise<AuditView>
  private readonly onAlarm: (alarm: Alarm) => void
  private readonly everyMs: number
  private readonly inFlightMsMax: number
  private readonly time: AuditorTime
  private timer: { cancel(): void } | undefined
  private running = false
  /** Times it was stopped: an audit that was begun before belongs to no schedule. */
  private stops = 0
  private underWay: Promise<void> | undefined
  private newest: AuditView | undefined
  private readonly raised: Record<Alarm['type'], number> = {
    not_conserved: 0,
    in_flight_too_long: 0,
    audit_failed: 0,
  }

  constructor(audit: () => Promise<AuditView>, options: OnlineAuditorOptions) {
    this.audit = audit
    this.onAlarm = options.onAlarm
    this.everyMs = options.everyMs ?? everyMsDefault
    this.inFlightMsMax = options.inFlightMsMax ?? inFlightMsMaxDefault
    this.time = options.time ?? realTime()
  }

  /** The newest audit that could be made. */
  get latest(): AuditView | undefined {
    return this.newest
  }

  /** ms since the newest audit that could be made. */
  get ageMs(): number | undefined {
    if (this.newest === undefined) return undefined
    return Math.max(0, this.time.now() - this.newest.checkedAt)
  }

  /** Alarms raised so far, by type. */
  get alarms(): Readonly<Record<Alarm['type'], number>> {
    return this.raised
  }

  start(): void {
    if (this.running) return
    this.running = true
    this.schedule()
  }

  stop(): void {
    this.running = false
    this.stops++
    this.timer?.cancel()
  }

  /** Makes one audit now and raises its alarms; one that is under way is not made twice. */
  runOnce(): Promise<void> {
    this.underWay ??= this.run().finally(() => (this.underWay = undefined))
    return this.underWay
  }

  private async run(): Promise<void> {
    const { stops } = this
    try {
      this.newest = await this.audit()
      for (const sentence of this.newest.findings) this.raise('not_conserved', sentence)
      for (const { from, to, currency, amount, oldestMs } of this.newest.inFlight) {
        if (oldestMs <= this.inFlightMsMax) continue
        this.raise(
          'in_flight_too_long',
          `${amount} ${currency} from shard ${from} to shard ${to} are in flight for ${oldestMs} ms.`,
        )
      }
    } catch (error) {
      if (stops !== this.stops) return
      const reason = error instanceof Error ? error.message : String(error)
      this.raise('audit_failed', `The audit could not be made: ${reason}`)
    }
  }

  private schedule(): void {
    const { stops } = this
    this.timer = this.time.after(this.everyMs, () => {
      void this.runOnce().then(() => {
        if (stops === this.stops) this.schedule()
      })
    })
  }

  private raise(type: Alarm['type'], sentence: string): void {
    this.raised[type]++
    try {
      this.onAlarm({ type, sentence, at: this.time.now() })
    } catch {
      // A pager that is down is no reason to stop looking (O3).
    }
  }
}

function realTime(): AuditorTime {
  const { clock, timers } = nodeEnv()
  return {
    now: () => clock.now(),
    after: (delayMs, run) => timers.after(delayMs, run),
  }
}
