/**
 * `cluster`: three nodes over three NATS servers with everything on this machine, and one node over
 * one server, to show what replication costs.
 */
import { BenchFailed } from '../harness/bench-failed.js'
import type { Integrity } from '../harness/integrity.js'
import { beside, measureRows, type Row } from '../harness/rounds.js'
import type { Outcome, Plan, Scenario } from '../harness/scenario.js'
import { clusterShards, MeasuredCluster } from './measured-cluster.js'
import { percent } from './suanpan.js'

async function measure(
  plan: Plan,
  size: 1 | 3,
): Promise<{ readonly row: Row; readonly share: number; readonly integrity: Integrity }> {
  const cluster = await MeasuredCluster.start(plan, { nodes: size, servers: size })
  try {
    const share = await cluster.shareAcross()
    const rows = await measureRows([cluster.lane()], plan, 'payments')
    const integrity = await cluster.killAndCheck()
    if (rows[0] === undefined) throw new BenchFailed('nothing was measured')
    return { row: rows[0], share, integrity }
  } finally {
    await cluster.stop()
  }
}

async function run(plan: Plan): Promise<Outcome> {
  const shards = plan.shards ?? clusterShards
  const alone = await measure(plan, 1)
  const three = await measure(plan, 3)
  const headline = beside(three.row, alone.row)
  return {
    headline,
    rows: [alone.row, headline],
    figures: [
      ['shards', String(shards)],
      ['pairs across shards', percent(three.share)],
      [
        '1 node on disk',
        `${alone.integrity.found} of ${alone.integrity.acknowledged} acknowledged`,
      ],
    ],
    data: { shards, shareAcross: three.share, alone: alone.integrity },
    integrity: three.integrity,
    durability: 'JetStream, sync_interval: always; 3 copies (1 where it says so)',
    threads: 0,
  }
}

export const cluster: Scenario = {
  name: 'cluster',
  summary: '3 nodes on 3 NATS servers with 3 copies, and 1 on 1: what replication costs',
  takes: ['duration', 'rounds', 'accounts', 'shards', 'skew', 'window'],
  defaults: { seconds: 8, rounds: 3, accounts: 20_000, window: 6_144 },
  run,
}
