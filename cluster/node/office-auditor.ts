/**
 * Audits a cluster while payments run, from the node in the coordinator's office.
 *
 * A1. Whoever is in office audits, and nobody else: an audit is begun in office, and what it found is
 *     shown as long as the office is held. The next holder begins anew.
 * A2. Members that do not answer, and shards on their way, make an audit fail, which is an alarm, and
 *     the next one is made all the same.
 */
import {
  OnlineAuditor,
  type Alarm,
  type AuditView,
  type OnlineAuditorOptions,
} from '../../actors/index.js'
import type { Env } from '../../runtime/index.js'
import type { AuditSource } from '../../transport/gateway/index.js'

/** ms between looks at who is in office. */
const lookMs = 1_000

export interface OfficeAuditorOptions extends Pick<OnlineAuditorOptions, 'onAlarm' | 'everyMs'> {
  readonly env: Env
  /** True while this node is in the coordinator's office. */
  readonly inOffice: () => boolean
  readonly audit: () => Promise<AuditView>
}

export class OfficeAuditor implements AuditSource {
  private readonly options: OfficeAuditorOptions
  /** The auditor of this time in office. */
  private auditor: OnlineAuditor | undefined
  private timer: { cancel(): void } | undefined
  private readonly raised: Record<Alarm['type'], number> = {
    not_conserved: 0,
    in_flight_too_long: 0,
    audit_failed: 0,
  }

  constructor(options: OfficeAuditorOptions) {
    this.options = options
  }

  /** The newest audit of this time in office; undefined out of office. */
  get latest(): AuditView | undefined {
    return this.inOffice()?.latest
  }

  get ageMs(): number | undefined {
    return this.inOffice()?.ageMs
  }

  get alarms(): Readonly<Record<Alarm['type'], number>> {
    return this.raised
  }

  start(): void {
    this.timer ??= this.options.env.timers.after(0, () => {
      this.look()
    })
  }

  stop(): void {
    this.timer?.cancel()
    this.timer = undefined
    this.leave()
  }

  private look(): void {
    const { env } = this.options
    if (!this.options.inOffice()) this.leave()
    else if (this.auditor === undefined) this.enter()
    this.timer = env.timers.after(lookMs, () => {
      this.look()
    })
  }

  private enter(): void {
    const { env, audit, onAlarm, everyMs } = this.options
    const auditor = new OnlineAuditor(audit, {
      onAlarm: (alarm) => {
        this.raised[alarm.type]++
        onAlarm(alarm)
      },
      time: {
        now: () => env.clock.now(),
        after: (delayMs, run) => env.timers.after(delayMs, () => this.begin(auditor, run)),
      },
      ...(everyMs === undefined ? {} : { everyMs }),
    })
    this.auditor = auditor
    auditor.start()
  }

  /** The office may be lost since the last look. */
  private begin(auditor: OnlineAuditor, run: () => void): void {
    if (this.auditor === auditor && this.inOffice() !== undefined) run()
    else if (this.auditor === auditor) this.leave()
  }

  private leave(): void {
    this.auditor?.stop()
    this.auditor = undefined
  }

  private inOffice(): OnlineAuditor | undefined {
    return this.options.inOffice() ? this.auditor : undefined
  }
}
