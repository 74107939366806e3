/** The door of this room for the others, internal to the package: nodes that join one another through NATS. */
export { ClusterNode, type ClusterNodeOptions } from './node/cluster-node.js'
