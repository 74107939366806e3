/** What the gateway of a node shows operators: how this node is, and the shards it serves. */
import { runtimeOps, type OpsView } from '../../transport/gateway/index.js'
import type { ClusterNode } from './cluster-node.js'

export function clusterOps(node: ClusterNode): OpsView {
  const { client } = node
  return {
    ...runtimeOps({
      ready: () => Promise.resolve(node.ready),
      shardStatus: (asked) => node.localStatus(asked),
      quarantined: () => client.quarantined(),
      release: (address) => client.release(address),
    }),
    ready: () => node.ready || 'This node is no member now, or has not opened all of its shards.',
  }
}
