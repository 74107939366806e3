/** The public face of the cluster: nodes that join one another through NATS. */
export { ClusterNode, type ClusterNodeOptions } from './node/cluster-node.js'
