/** Nodes of one cluster in this process, on real NATS servers. */
import { payments, transitOf, type Bank } from '../../../actors/index.js'
import { nodeEnv } from '../../../runtime/index.js'
import type { Nats } from '../../../transport/index.js'
import { connectNats } from '../../../transport/nats/index.js'
import { NatsServers, type NatsServersOptions } from '../../../transport/nats/testing/index.js'
import { ClusterNode, type ClusterNodeOptions } from '../cluster-node.js'

const lookMs = 20

export class RealNodes {
  readonly nodes: ClusterNode[] = []
  /** What nodes reported: who, what, and the details. */
  readonly reports: (readonly [name: string, event: string, detail: Record<string, unknown>])[] = []
  /** Why nodes ended that had to. */
  readonly failures: unknown[] = []
  private readonly servers: NatsServers
  private readonly connections: Nats[] = []

  private constructor(servers: NatsServers) {
    this.servers = servers
  }

  static async start(servers: NatsServersOptions = {}): Promise<RealNodes> {
    return new RealNodes(await NatsServers.start(servers))
  }

  /** Starts a node; all of one cluster are called after their place in {@link nodes}. */
  async join(options: Partial<ClusterNodeOptions>): Promise<ClusterNode> {
    const name = `node-${this.nodes.length + 1}`
    const node = await ClusterNode.join(nodeEnv(), {
      cluster: 'real',
      name,
      nats: await this.connect(),
      control: await this.connect(),
      replicas: 1,
      actors: payments.actors,
      transitOf,
      report: (event, detail) => void this.reports.push([name, event, detail]),
      fail: (error) => void this.failures.push(error),
      ...options,
    })
    this.nodes.push(node)
    return node
  }

  /** Of one of the servers. */
  get address(): string {
    return this.servers.addresses[0]!
  }

  async connect(): Promise<Nats> {
    const nats = await connectNats({ servers: this.servers.addresses })
    this.connections.push(nats)
    return nats
  }

  bank(node: ClusterNode): Bank {
    return payments.client(node.client)
  }

  /** Resolves when every node serves something, and every shard is served. */
  async even(): Promise<void> {
    await this.until(() =>
      this.nodes.every((node) => node.ready && node.complete && node.shards.length > 0),
    )
  }

  async until(is: () => boolean): Promise<void> {
    while (!is()) await new Promise((resolve) => setTimeout(resolve, lookMs))
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) node.stop()
    await Promise.all(this.connections.map((nats) => nats.close()))
    await this.servers.stop()
  }
}
