import { afterEach, expect, it } from 'vitest'
import type { Alarm, AuditView } from '../../actors/index.js'
import { nodeEnv } from '../../runtime/index.js'
import { clusterOps } from './cluster-ops.js'
import type { ClusterNode } from './cluster-node.js'
import { OfficeAuditor } from './office-auditor.js'
import { RealNodes } from './testing/real-nodes.js'

let cluster: RealNodes | undefined
const auditors: OfficeAuditor[] = []

afterEach(async () => {
  for (const auditor of auditors.splice(0)) auditor.stop()
  await cluster?.stop()
})

/** A node with its auditor, as `suanpan start` runs them, but quicker. */
interface Audited {
  readonly node: ClusterNode
  readonly auditor: OfficeAuditor
  readonly alarms: Alarm[]
  /** Audits this node has begun. */
  begun: number
  /** What is wrong, as its audits find it. */
  findings: string[]
  metrics(): Promise<Record<string, number>>
}

async function join(on: RealNodes): Promise<Audited> {
  const node = await on.join({ shards: 4 })
  const bank = on.bank(node)
  const alarms: Alarm[] = []
  const auditor = new OfficeAuditor({
    env: nodeEnv(),
    everyMs: 50,
    inOffice: () => node.coordinator.term !== undefined,
    audit: async (): Promise<AuditView> => {
      audited.begun++
      const view = await bank.audit()
      const findings = [...view.findings, ...audited.findings]
      return { ...view, findings, conserved: findings.length === 0 }
    },
    onAlarm: (alarm) => alarms.push(alarm),
  })
  auditors.push(auditor)
  const audited: Audited = {
    ...{ node, auditor, alarms, begun: 0, findings: [] },
    async metrics() {
      const all = await clusterOps(node, auditor).metrics()
      return Object.fromEntries(all.map(({ name, values }) => [name, values[0]?.value ?? NaN]))
    },
  }
  auditor.start()
  return audited
}

it('A1: the node in office audits, alone, and hands that over with the office', async () => {
  cluster = await RealNodes.start({ syncAlways: false })
  const one = await join(cluster)
  const two = await join(cluster)
  await cluster.even()
  const bank = cluster.bank(two.node)
  await bank.openAccount({ id: 'alice', currency: 'CNY' })
  const money = { account: 'alice', amount: 100, currency: 'CNY' }
  await bank.deposit({ ...money, idempotencyKey: 'd' })
  await cluster.until(() => one.auditor.latest?.currencies.length === 1)

  expect(await one.metrics()).toMatchObject({
    ...{ suanpan_audit_conserved: 1, suanpan_audit_findings: 0, suanpan_quarantined_actors: 0 },
    ...{ suanpan_audit_age_seconds: expect.closeTo(0, -1), suanpan_audit_alarms: 0 },
    ...{ suanpan_node_lease: 1, suanpan_node_coordinator: 1 },
  })
  const other = await two.metrics()
  expect(other).toMatchObject({ suanpan_node_lease: 1, suanpan_node_coordinator: 0 })
  expect(Object.keys(other)).not.toContain('suanpan_audit_conserved')
  expect(Object.keys(other)).not.toContain('suanpan_audit_age_seconds')
  expect(two.begun).toBe(0)

  one.findings.push('1 CNY is gone.')
  await cluster.until(() => one.alarms.length > 0)
  expect(one.alarms[0]).toMatchObject({ type: 'not_conserved', sentence: '1 CNY is gone.' })
  await cluster.until(() => one.auditor.latest?.conserved === false)
  expect(await one.metrics()).toMatchObject({
    ...{ suanpan_audit_conserved: 0, suanpan_audit_findings: 1 },
  })

  // Its holder dies without a word: audits fail until another has its shards and its office.
  one.node.stop()
  const before = one.begun
  await cluster.until(() => two.auditor.latest !== undefined)
  expect(two.auditor.latest).toMatchObject({ conserved: true })
  expect(await one.metrics()).toMatchObject({ suanpan_node_lease: 0, suanpan_node_coordinator: 0 })
  expect(one.auditor.latest).toBeUndefined()
  expect(one.begun).toBe(before)
  expect(cluster.failures).toEqual([])
})

it('A2: an audit that can not be made is an alarm, and the next one is made all the same', async () => {
  cluster = await RealNodes.start({ syncAlways: false })
  const one = await join(cluster)
  await cluster.until(() => one.node.ready && one.auditor.latest !== undefined)
  const { client } = one.node
  const status = client.shardStatus.bind(client)
  client.shardStatus = () => Promise.reject(new Error('nobody answers'))
  await cluster.until(() => one.alarms.length > 1)
  expect(one.alarms[0]).toMatchObject({ type: 'audit_failed' })
  expect(one.auditor.alarms.audit_failed).toBeGreaterThan(1)
  client.shardStatus = status
  const { checkedAt } = one.auditor.latest!
  await cluster.until(() => one.auditor.latest!.checkedAt > checkedAt)
})
