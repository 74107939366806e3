/**
 * What an operator alerts on: whether money is conserved, how old that knowledge is, what is set aside.
 *
 * U1. What is not known is not shown: no number stands for "not audited yet", or "audited elsewhere".
 */
import type { OnlineAuditor } from '../../../actors/index.js'
import type { OpsMetric } from '../ops-view.js'

/** Where the newest audit is found; an `OnlineAuditor` is one. */
export type AuditSource = Pick<OnlineAuditor, 'latest' | 'ageMs' | 'alarms'>

export function auditMetrics({ latest, ageMs, alarms }: AuditSource): OpsMetric[] {
  const raised: OpsMetric = {
    name: 'suanpan_audit_alarms',
    help: 'Alarms of the online auditor since the start, by type.',
    type: 'counter',
    values: Object.entries(alarms).map(([type, value]) => ({ labels: { type }, value })),
  }
  if (latest === undefined || ageMs === undefined) return [raised]
  return [
    raised,
    gauge(
      'suanpan_audit_conserved',
      '1 when the newest audit found money conserved, else 0; anything but 1 is an alarm.',
      latest.conserved ? 1 : 0,
    ),
    gauge('suanpan_audit_findings', 'What the newest audit found wrong.', latest.findings.length),
    gauge('suanpan_audit_age_seconds', 'Age of the newest audit.', ageMs / 1_000),
  ]
}

/** A number without labels. */
export function gauge(name: string, help: string, value: number): OpsMetric {
  return { name, help, type: 'gauge', values: [{ value }] }
}
