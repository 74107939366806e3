import { expect, it } from 'vitest'
import { OnlineAuditor, type AuditView } from '../../../actors/index.js'
import { runtimeOps } from '../ops-view.js'

const clean: AuditView = {
  ...{ currencies: [], inFlight: [], conserved: true, findings: [], checkedAt: 1_000 },
}

it('U1: what is not known is not shown; then whether money is conserved, and how old that is', async () => {
  let view: AuditView | Error = new Error('not yet')
  const auditor = new OnlineAuditor(
    () => (view instanceof Error ? Promise.reject(view) : Promise.resolve(view)),
    { onAlarm: () => undefined, time: { now: () => 3_500, after: () => ({ cancel: () => null }) } },
  )
  const nothing = () => Promise.resolve([])
  const ops = runtimeOps(
    {
      ...{ shardStatus: nothing, quarantined: nothing },
      ready: () => Promise.resolve(true),
      backup: () => Promise.reject(new Error('none here')),
      release: () => Promise.resolve(),
    },
    auditor,
  )
  const shown = async (): Promise<Record<string, number | undefined>> => {
    const metrics = (await ops.metrics()).filter(({ name }) => !name.includes('shard'))
    const rows = metrics.flatMap(({ name, values }) =>
      values.map(({ labels, value }) => [`${name} ${labels?.['type'] ?? ''}`.trim(), value]),
    )
    return Object.fromEntries(rows) as Record<string, number>
  }
  const alarms = {
    'suanpan_audit_alarms not_conserved': 0,
    'suanpan_audit_alarms in_flight_too_long': 0,
  }
  await auditor.runOnce()
  const unknown = { ...alarms, 'suanpan_audit_alarms audit_failed': 1 }
  expect(await shown()).toEqual({ ...unknown, suanpan_quarantined_actors: 0 })
  view = clean
  await auditor.runOnce()
  expect(await shown()).toMatchObject({
    ...{ suanpan_audit_conserved: 1, suanpan_audit_findings: 0, suanpan_audit_age_seconds: 2.5 },
  })
  view = { ...clean, conserved: false, findings: ['a', 'b'] }
  await auditor.runOnce()
  expect(await shown()).toMatchObject({
    ...{ suanpan_audit_conserved: 0, suanpan_audit_findings: 2 },
    'suanpan_audit_alarms not_conserved': 2,
  })
})
