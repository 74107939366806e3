/** What the gateway of a node shows operators: how this node is, and the shards it serves. */
import { Fault, type ShardStatus } from '../../runtime/index.js'
import {
  auditMetrics,
  quarantinedMetric,
  shardMetrics,
  type AuditSource,
  type OpsMetric,
  type OpsView,
} from '../../transport/gateway/index.js'
import type { ClusterNode } from './cluster-node.js'
import { leftOutOf } from './vitals.js'

/** @param audits shown while this node audits. @default no audit is shown */
export function clusterOps(node: ClusterNode, audits?: AuditSource): OpsView {
  const { client } = node
  return {
    ready: () => node.ready || (node.clockBelieved ? notReady : clockJumped),
    // Each node tells of itself: all together tell of the cluster.
    metrics: async () => [
      ...(await metricsOfShards(node)),
      quarantinedMetric(node.localQuarantined()),
      ...memberMetrics(node),
      ...(audits === undefined ? [] : auditMetrics(audits)),
    ],
    quarantined: () => client.quarantined(),
    release: (address) => client.release(address),
    backup: () => Promise.reject(new Fault('backup_unsupported')),
  }
}

async function metricsOfShards(node: ClusterNode): Promise<OpsMetric[]> {
  const asked = node.shards
  let statuses: ShardStatus[] = []
  const metrics = await shardMetrics({
    shardStatus: async (how) => (statuses = await node.localStatus(how)),
  })
  const leftOut = new Set(leftOutOf(asked, statuses))
  return [
    ...metrics,
    {
      name: 'suanpan_shard_left_out',
      help: '1 for a shard whose storage takes nothing now: nothing else is told of it here.',
      type: 'gauge',
      values: asked.map((shard) => ({ labels: { shard }, value: leftOut.has(shard) ? 1 : 0 })),
    },
  ]
}

function memberMetrics({ membership, coordinator }: ClusterNode): OpsMetric[] {
  const flag = (name: string, help: string, is: boolean): OpsMetric => ({
    name,
    help,
    type: 'gauge',
    values: [{ value: is ? 1 : 0 }],
  })
  return [
    flag(
      'suanpan_node_lease',
      '1 while the lease of this node holds: without it, it answers no reads.',
      membership.valid,
    ),
    flag(
      'suanpan_node_coordinator',
      '1 on the node in the coordinator’s office, which audits.',
      coordinator.term !== undefined,
    ),
  ]
}

const notReady = 'This node is no member now, or has not opened all of its shards.'
const clockJumped =
  'The clock of this machine has leapt ahead; it is compared with that of NATS, and nothing expires until then.'
