/**
 * `failover`: a node that holds everything is joined by a second one, which leaves in good order and comes back,
 * as in a rolling restart; then the first is killed; all under load. How long is each shard silent, with as many
 * payments behind it as were made before?
 */
import path from 'node:path'
import { NatsServers } from '../../transport/nats/index.js'
import type { Integrity } from '../harness/integrity.js'
import type { Measured } from '../harness/loops.js'
import { MeasuredProcess } from '../harness/measured-process.js'
import { median, rowOf } from '../harness/rounds.js'
import type { Outcome, Plan, Scenario } from '../harness/scenario.js'
import type { ClusterNodeSetup, ClusterRound } from '../programs/cluster-node.js'
import { clusterShards } from './measured-cluster.js'
import { shotsRow } from './single-row.js'

/** Payments at work at each node while shards move: few, so that a silence is not the queue's. */
const quietWindow = 128
/** s of each piece of that load. */
const pieceSeconds = 1

/** The nodes of one run, as processes, and their servers. */
class Nodes {
  readonly all: MeasuredProcess[] = []
  private readonly plan: Plan
  private readonly servers: NatsServers

  constructor(plan: Plan, servers: NatsServers) {
    this.plan = plan
    this.servers = servers
  }

  async join(name: string): Promise<MeasuredProcess> {
    const node = new MeasuredProcess(name, 'programs/cluster-node')
    this.all.push(node)
    const { accounts, shards = clusterShards } = this.plan
    const setup: ClusterNodeSetup = {
      ...{ name, accounts, shards, servers: this.servers.addresses },
      ...{ replicas: this.servers.addresses.length, seed: this.all.length },
    }
    await node.order('join', setup)
    return node
  }

  get last(): MeasuredProcess {
    return this.all.at(-1)!
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((node) => node.kill()))
    await this.servers.stop()
  }
}

/** Pays a little at a node until something is done. */
async function payUntil(node: MeasuredProcess, done: Promise<unknown>): Promise<void> {
  const state = { done: false }
  const end = (): void => {
    state.done = true
  }
  done.then(end, end)
  const load: ClusterRound = { seconds: pieceSeconds, pattern: {}, window: quietWindow }
  while (!state.done) await node.order('round', load)
  await done
}

/** What one change of the cluster did. */
interface Change {
  readonly seconds: number
  /** ms of the longest silence, by shard. */
  readonly silences: readonly number[]
}

/** @param watched reads every shard meanwhile, and pays */
async function changed(watched: MeasuredProcess, change: () => Promise<unknown>): Promise<Change> {
  await watched.order('watch')
  const begun = performance.now()
  await payUntil(watched, change())
  const seconds = (performance.now() - begun) / 1000
  return { seconds, silences: await watched.order<readonly number[]>('silences') }
}

interface Measurements {
  readonly filled: Measured
  readonly joined: Change
  readonly left: Change
  readonly killed: Change
  /** Shards that the killed one had. */
  readonly orphans: readonly number[]
  readonly integrity: Integrity
}

/** A node alone with everything, joined, left, joined again and killed. */
async function measure(plan: Plan, nodes: Nodes): Promise<Measurements> {
  const first = await nodes.join('first')
  await first.order('settled', 1)
  plan.say(`opening ${plan.accounts} accounts and as many merchants`)
  await first.order('openParties')
  plan.say(`paying for ${plan.seconds} s`)
  const load: ClusterRound = { seconds: plan.seconds, pattern: {}, window: plan.window }
  const filled = await first.order<Measured>('round', load)
  const join = async (): Promise<void> => {
    const second = await nodes.join('second')
    await second.order('settled', 2)
  }
  plan.say('a second node joins')
  const joined = await changed(first, join)
  plan.say('it leaves in good order')
  const left = await changed(first, async () => {
    await nodes.last.order('leave')
    await first.order('settled', 1)
  })
  plan.say('it joins again')
  await changed(first, join)
  const survivor = nodes.last
  const orphans = await first.order<readonly number[]>('settled', 2)
  const saved = ['first', 'survivor'].map((name) => path.join(plan.folder, name))
  await first.order('save', saved[0])
  plan.say('killing the first node (SIGKILL)')
  const killed = await changed(survivor, async () => {
    await first.kill()
    await survivor.order('settled', 1)
  })
  plan.say('comparing with what was acknowledged')
  await survivor.order('save', saved[1])
  const integrity = await survivor.order<Integrity>('check', saved)
  return { filled, joined, left, killed, orphans, integrity }
}

async function run(plan: Plan): Promise<Outcome> {
  plan.say('starting 3 NATS servers')
  const servers = await NatsServers.start({ servers: 3 })
  const nodes = new Nodes(plan, servers)
  try {
    const { filled, joined, left, killed, orphans, integrity } = await measure(plan, nodes)
    const lost = orphans.map((shard) => killed.silences[shard]!)
    const headline = shotsRow('owner killed: silent', 'shards', lost)
    const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`
    const longest = (silences: readonly number[]): string => seconds(Math.max(...silences))
    return {
      headline,
      rows: [
        rowOf('before', 'payments', [filled]),
        shotsRow('node joins: silent', 'shards', joined.silences),
        shotsRow('node leaves: silent', 'shards', left.silences),
        headline,
      ],
      figures: [
        ['shards', String(killed.silences.length)],
        ['until the second node had its part', `${joined.seconds.toFixed(2)} s`],
        ['longest silence of a shard while it joined', longest(joined.silences)],
        ['until it had left in good order', `${left.seconds.toFixed(2)} s`],
        ['longest silence of a shard while it left', longest(left.silences)],
        ['shards the killed node had', String(lost.length)],
        ['until the median one served again', seconds(median(lost))],
        ['until the last one served again', longest(lost)],
      ],
      data: { joined, left, killed },
      integrity,
      durability: 'JetStream, sync_interval: always; 3 copies',
      threads: 0,
    }
  } finally {
    await nodes.stop()
  }
}

export const failover: Scenario = {
  name: 'failover',
  summary:
    'a node joins one that holds everything, leaves, and the first is killed: silence of shards',
  takes: ['duration', 'accounts', 'shards', 'window'],
  defaults: { seconds: 30, rounds: 1, accounts: 100_000, window: 6_144 },
  run,
}
