/**
 * The online auditor: audits again and again while payments run, and raises an alarm for everything
 * that is wrong and for money that is in flight too long.
 *
 * O1. With the defaults a loss between two shards is found within 20 s plus the time of one audit,
 *     and a pair of shards that doesn't answer within 35 s.
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
  private newest: AuditView | undefined

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

  start(): void {
    if (this.running) return
    this.running = true
    this.schedule()
  }

  stop(): void {
    this.running = false
    this.timer?.cancel()
  }

  /** Makes one audit now and raises its alarms. */
  async runOnce(): Promise<void> {
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
      const reason = error instanceof Error ? error.message : String(error)
      this.raise('audit_failed', `The audit could not be made: ${reason}`)
    }
  }

  private schedule(): void {
    this.timer = this.time.after(this.everyMs, () => {
      void this.runOnce().then(() => {
        if (this.running) this.schedule()
      })
    })
  }

  private raise(type: Alarm['type'], sentence: string): void {
    this.onAlarm({ type, sentence, at: this.time.now() })
  }
}

function realTime(): AuditorTime {
  const { clock, timers } = nodeEnv()
  return {
    now: () => clock.now(),
    after: (delayMs, run) => timers.after(delayMs, run),
  }
}
