/**
 * `cluster`: three nodes over three NATS servers with everything on this machine, and one node over
 * one server, to show what replication costs.
 */
import { join } from 'node:path'
import { NatsServers } from '../../transport/nats/index.js'
import { BenchFailed } from '../harness/bench-failed.js'
import type { Integrity } from '../harness/integrity.js'
import type { Measured } from '../harness/loops.js'
import { MeasuredProcess } from '../harness/measured-process.js'
import { mergeMeasured } from '../harness/merge.js'
import { beside, measureRows, type Lane, type Row } from '../harness/rounds.js'
import type { Outcome, Plan, Scenario } from '../harness/scenario.js'
import type { ClusterNodeSetup, ClusterRound } from '../programs/cluster-node.js'
import { percent } from './suanpan.js'

const shards = 16
const program = 'programs/cluster-node'

/** A cluster that is measured: its servers and its nodes. */
class MeasuredCluster {
  private readonly plan: Plan
  private readonly size: 1 | 3
  private readonly servers: NatsServers
  private nodes: MeasuredProcess[] = []
  private seed: number

  private constructor(plan: Plan, size: 1 | 3, servers: NatsServers) {
    this.plan = plan
    this.size = size
    this.servers = servers
    this.seed = size * 1_000
  }

  static async start(plan: Plan, size: 1 | 3): Promise<MeasuredCluster> {
    plan.say(`starting ${size} NATS server(s) and ${size} node(s)`)
    const cluster = new MeasuredCluster(plan, size, await NatsServers.start({ servers: size }))
    await cluster.join()
    plan.say(`opening ${plan.accounts} accounts and as many merchants`)
    await cluster.first.order('openParties')
    return cluster
  }

  private get first(): MeasuredProcess {
    return this.nodes[0]!
  }

  get name(): string {
    return `${this.size} ${this.size === 1 ? 'node' : 'nodes'}, R${this.size}`
  }

  lane(): Lane {
    const { window, skew } = this.plan
    const pattern = skew === undefined ? {} : { exponent: skew }
    return {
      name: this.name,
      round: async (seconds) => {
        const round: ClusterRound = { seconds, pattern, window: Math.ceil(window / this.size) }
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
    const paths = this.nodes.map((_, i) => join(this.plan.folder, `cluster-${this.size}-${i}`))
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
      { length: this.size },
      (_, i) => new MeasuredProcess(`node ${i + 1}`, program),
    )
    const joined = this.nodes.map((node, i) => {
      const setup: ClusterNodeSetup = {
        servers: this.servers.addresses,
        name: `node-${i + 1}`,
        replicas: this.size,
        shards,
        accounts: this.plan.accounts,
        seed: this.seed++,
      }
      return node.order('join', setup)
    })
    await Promise.all(joined)
    await Promise.all(this.nodes.map((node) => node.order('settled', this.size)))
  }
}

async function measure(
  plan: Plan,
  size: 1 | 3,
): Promise<{ readonly row: Row; readonly share: number; readonly integrity: Integrity }> {
  const cluster = await MeasuredCluster.start(plan, size)
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
  takes: ['duration', 'rounds', 'accounts', 'skew', 'window'],
  defaults: { seconds: 8, rounds: 3, accounts: 20_000, window: 6_144 },
  run,
}
