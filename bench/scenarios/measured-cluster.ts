/** Nodes and NATS servers as processes of their own, on this machine, with payments as their load. */
import { join } from 'node:path'
import { NatsServers } from '../../transport/nats/index.js'
import type { Integrity } from '../harness/integrity.js'
import type { Measured } from '../harness/loops.js'
import { MeasuredProcess } from '../harness/measured-process.js'
import { mergeMeasured } from '../harness/merge.js'
import type { Lane } from '../harness/rounds.js'
import type { Plan } from '../harness/scenario.js'
import type { ClusterNodeSetup, ClusterRound } from '../programs/cluster-node.js'

/** Unless others are asked for. */
export const clusterShards = 16
const program = 'programs/cluster-node'

export interface ClusterSize {
  readonly nodes: number
  readonly servers: 1 | 3
}

/** A cluster that is measured: its servers and its nodes. */
export class MeasuredCluster {
  private readonly plan: Plan
  private readonly size: ClusterSize
  readonly servers: NatsServers
  private nodes: MeasuredProcess[] = []
  private seed: number

  private constructor(plan: Plan, size: ClusterSize, servers: NatsServers) {
    this.plan = plan
    this.size = size
    this.servers = servers
    this.seed = size.nodes * 1_000
  }

  static async start(plan: Plan, size: ClusterSize): Promise<MeasuredCluster> {
    const { nodes, servers } = size
    plan.say(`starting ${servers} NATS server(s) and ${nodes} node(s)`)
    const cluster = new MeasuredCluster(plan, size, await NatsServers.start({ servers }))
    try {
      await cluster.join()
      plan.say(`opening ${plan.accounts} accounts and as many merchants`)
      await cluster.first.order('openParties')
      return cluster
    } catch (error) {
      await cluster.stop()
      throw error
    }
  }

  private get first(): MeasuredProcess {
    return this.nodes[0]!
  }

  get name(): string {
    const { nodes, servers } = this.size
    return `${nodes} ${nodes === 1 ? 'node' : 'nodes'}, R${servers}`
  }

  lane(): Lane {
    const { window, skew } = this.plan
    const pattern = skew === undefined ? {} : { exponent: skew }
    return {
      name: this.name,
      round: async (seconds) => {
        const round: ClusterRound = {
          seconds,
          pattern,
          window: Math.ceil(window / this.size.nodes),
        }
        return mergeMeasured(
          await Promise.all(this.nodes.map((node) => node.order<Measured>('round', round))),
        )
      },
    }
  }

  shareAcross(): Promise<number> {
    return this.first.order<number>('shareAcross', {})
  }

  /** Ends all nodes as a crash would; fresh ones recover from the streams and compare. */
  async killAndCheck(): Promise<Integrity> {
    const paths = this.nodes.map((_, i) =>
      join(this.plan.folder, `cluster-${this.size.nodes}-${i}`),
    )
    await Promise.all(this.nodes.map((node, i) => node.order('save', paths[i])))
    await Promise.all(this.nodes.map((node) => node.kill()))
    this.plan.say('recovering from the streams and comparing with what was acknowledged')
    await this.join()
    return this.first.order<Integrity>('check', paths)
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()))
    await this.servers.stop()
  }

  private async join(): Promise<void> {
    this.nodes = Array.from(
      { length: this.size.nodes },
      (_, i) => new MeasuredProcess(`node ${i + 1}`, program),
    )
    const joined = this.nodes.map((node, i) => {
      const setup: ClusterNodeSetup = {
        servers: this.servers.addresses,
        name: `node-${i + 1}`,
        replicas: this.size.servers,
        shards: this.plan.shards ?? clusterShards,
        accounts: this.plan.accounts,
        seed: this.seed++,
      }
      return node.order('join', setup)
    })
    await Promise.all(joined)
    await Promise.all(this.nodes.map((node) => node.order('settled', this.size.nodes)))
  }
}
