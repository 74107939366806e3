/**
 * `scale-out`: what a cluster of up to 64 machines would do, computed. One, two and three nodes are
 * measured on this machine for what their parts cost, the model is checked against those very runs, and
 * then asked about machines that are not there.
 *
 * Assumptions: a node is one thread on a core of its own; a NATS server has a machine with two cores and
 * a disk like this one; 0.1 ms from machine to machine; payers and payees uniform; the generator's share
 * is in the node's cost; leaders are spread evenly; nothing fails. NATS is modelled as the bottleneck it
 * is: every frame costs processor time and a sync in three servers.
 */
import { availableParallelism } from 'node:os'
import { NatsServers } from '../../transport/nats/index.js'
import { appendCosts, syncCost, type AppendCosts } from '../harness/append-costs.js'
import { BenchFailed } from '../harness/bench-failed.js'
import type { Integrity } from '../harness/integrity.js'
import { readNats } from '../harness/nats-meter.js'
import { rowOf, type Row } from '../harness/rounds.js'
import type { Figure, Outcome, Plan, Scenario } from '../harness/scenario.js'
import { modelCluster, type ModelCosts, type Modelled } from '../model/cluster-model.js'
import { clusterShards, MeasuredCluster } from './measured-cluster.js'

const measuredNodes = [1, 2, 3] as const
const modelledNodes = [1, 2, 4, 8, 16, 32, 64] as const
const servers = 3
const networkMs = 0.1
/** The loopback of one machine. */
const loopbackMs = 0.02
const coresPerServer = 2
const shardsPerNode = 4
const windowPerNode = 2_048
const nodesPerServer = 2
const journals = 'SHARD_'

/** What one size of cluster did. */
interface Run {
  readonly nodes: number
  readonly row: Row
  /** Processor time of the nodes, and of the servers, for a payment, µs. */
  readonly nodeMicros: number
  readonly serverMicros: number
  readonly paymentBytes: number
  readonly integrity: Integrity
}

async function measure(plan: Plan, nodes: number): Promise<Run> {
  const cluster = await MeasuredCluster.start(plan, { nodes, servers })
  try {
    const lane = cluster.lane()
    plan.say(`warming up ${lane.name}`)
    await lane.round(plan.warmUpSeconds)
    plan.say(`measuring ${lane.name}`)
    const before = await readNats(cluster.servers, journals)
    const measured = await lane.round(plan.seconds)
    const after = await readNats(cluster.servers, journals)
    const { completed, meter } = measured
    const micros = (seconds: number): number => (seconds * 1e6) / Math.max(1, completed)
    return {
      nodes,
      row: rowOf(lane.name, 'payments', [measured]),
      nodeMicros: micros(meter.cpuUserSeconds + meter.cpuSystemSeconds),
      serverMicros: micros(after.cpuSeconds - before.cpuSeconds),
      paymentBytes: ((after.frames - before.frames) * after.bytesEach) / Math.max(1, completed),
      integrity: await cluster.killAndCheck(),
    }
  } finally {
    await cluster.stop()
  }
}

/** Costs of a small cluster's appends, on servers of their own. */
async function serverCosts(plan: Plan): Promise<AppendCosts & { readonly syncMs: number }> {
  plan.say('measuring what appends cost the servers')
  const started = await NatsServers.start({ servers })
  try {
    const seconds = plan.warmUpSeconds
    const costs = await appendCosts(started, { streams: clusterShards, seconds, replicas: servers })
    return { ...costs, syncMs: await syncCost(plan.folder) }
  } finally {
    await started.stop()
  }
}

/**
 * A payment costs a + b × (share of pairs in two nodes): the least squares through what was measured.
 * @returns a and b, none below zero
 */
export function nodeCosts(
  runs: readonly { readonly nodes: number; readonly nodeMicros: number }[],
): Pick<ModelCosts, 'nodeMicros' | 'acrossMicros'> {
  const points = runs.map(({ nodes, nodeMicros }) => [(nodes - 1) / nodes, nodeMicros] as const)
  const mean = (of: (point: readonly [number, number]) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length
  const [x, y] = [mean(([share]) => share), mean(([, micros]) => micros)]
  const variance = mean(([share]) => (share - x) ** 2)
  const slope = mean(([share, micros]) => (share - x) * (micros - y)) / variance
  const acrossMicros = variance === 0 ? 0 : Math.max(0, slope)
  return { nodeMicros: Math.max(0, y - acrossMicros * x), acrossMicros }
}

/** What the model says of the runs that were measured: all of it on this machine. */
function modelledHere(plan: Plan, costs: ModelCosts, nodes: number): Modelled {
  return modelCluster(
    { ...costs, networkMs: loopbackMs },
    {
      ...{
        nodes,
        servers,
        shards: clusterShards,
        coresPerServer,
        together: availableParallelism(),
      },
      ...{ window: Math.ceil(plan.window / nodes), seed: nodes },
    },
  )
}

function modelledThere(costs: ModelCosts, nodes: number, count: number): Modelled {
  const shards = Math.max(clusterShards, shardsPerNode * nodes)
  return modelCluster(costs, {
    ...{ nodes, servers: count, shards, window: windowPerNode, coresPerServer, seed: nodes },
  })
}

function words({ perSecond, latencyMs, ...busy }: Modelled): string {
  const share = (part: number): string => `${Math.round(100 * part)} %`
  return [
    `${Math.round(perSecond).toLocaleString('en-US')}/s`,
    `p50 ${latencyMs.p50.toFixed(0)} ms`,
    `p99 ${latencyMs.p99.toFixed(0)} ms`,
    `busy: nodes ${share(busy.nodeBusy)}, servers ${share(busy.serverBusy)}, disks ${share(busy.diskBusy)}`,
  ].join(', ')
}

function figuresOf(plan: Plan, runs: readonly Run[], costs: ModelCosts): Figure[] {
  const checks = runs.map(({ nodes, row }): Figure => {
    const modelled = modelledHere(plan, costs, nodes).perSecond
    const off = Math.round(100 * (modelled / Math.max(1, row.perSecond) - 1))
    return [
      `model of ${row.name}, here`,
      `${Math.round(modelled).toLocaleString('en-US')}/s, ${off < 0 ? '' : '+'}${off} % off`,
    ]
  })
  const fixed = modelledNodes.map((nodes): Figure => [
    `${nodes === 1 ? '1 node' : `${nodes} nodes`}, ${servers} servers`,
    words(modelledThere(costs, nodes, servers)),
  ])
  const grown = modelledNodes
    .map((nodes) => [nodes, Math.ceil(nodes / nodesPerServer)] as const)
    .filter(([, count]) => count > servers)
    .map(([nodes, count]): Figure => [
      `${nodes} nodes, ${count} servers`,
      words(modelledThere(costs, nodes, count)),
    ])
  return [
    [
      'cost of a payment',
      `${costs.nodeMicros.toFixed(0)} µs in a node, ${costs.acrossMicros.toFixed(0)} µs more across two, ${costs.paymentBytes.toFixed(0)} bytes`,
    ],
    [
      'cost of a frame, each server',
      `${costs.frameMicros.toFixed(0)} µs and ${costs.kibMicros.toFixed(1)} µs a KiB, sync ${costs.syncMs.toFixed(2)} ms`,
    ],
    ...checks,
    ...fixed,
    ...grown,
  ]
}

async function run(plan: Plan): Promise<Outcome> {
  const append = await serverCosts(plan)
  const runs: Run[] = []
  for (const nodes of measuredNodes) runs.push(await measure(plan, nodes))
  const last = runs.at(-1)
  if (last === undefined) throw new BenchFailed('nothing was measured')
  const bytes = runs.reduce((sum, { paymentBytes }) => sum + paymentBytes, 0) / runs.length
  const costs: ModelCosts = { ...append, ...nodeCosts(runs), paymentBytes: bytes, networkMs }
  return {
    headline: last.row,
    rows: runs.map(({ row }) => row),
    figures: figuresOf(plan, runs, costs),
    data: {
      costs,
      measured: runs.map(({ row: _, ...rest }) => rest),
      modelled: modelledNodes.map((nodes) => ({ nodes, ...modelledThere(costs, nodes, servers) })),
    },
    integrity: last.integrity,
    durability: 'JetStream, sync_interval: always; 3 copies',
    threads: 0,
    remarks: [
      'Rates beyond three nodes are computed, not measured: the assumptions stand in bench/README.md.',
    ],
  }
}

export const scaleOut: Scenario = {
  name: 'scale-out',
  summary: 'clusters of 1 to 64 nodes, computed by a model calibrated on 1, 2 and 3 measured ones',
  takes: ['duration', 'accounts', 'window'],
  defaults: { seconds: 8, rounds: 1, accounts: 10_000, window: 6_144 },
  run,
}
