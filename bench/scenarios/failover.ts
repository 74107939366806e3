/**
 * `failover`: a node that holds everything is joined by a second one, which leaves in good order and comes back,
 * as in a rolling restart; then the first is killed, and once a third one has joined the second, whose death is
 * told as a supervisor does; all under load. How long is each shard silent, with as many payments behind it as
 * were made before?
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

/** A node's process, and the id it lives under. */
interface MeasuredNode {
  readonly process: MeasuredProcess
  readonly id: string
}

/** The nodes of one run, as processes, and their servers. */
class Nodes {
  private readonly all: MeasuredProcess[] = []
  private readonly plan: Plan
  private readonly servers: NatsServers

  constructor(plan: Plan, servers: NatsServers) {
    this.plan = plan
    this.servers = servers
  }

  async join(name: string): Promise<MeasuredNode> {
    const process = new MeasuredProcess(name, 'programs/cluster-node')
    this.all.push(process)
    const { accounts, shards = clusterShards } = this.plan
    const setup: ClusterNodeSetup = {
      ...{ name, accounts, shards, servers: this.servers.addresses },
      ...{ replicas: this.servers.addresses.length, seed: this.all.length },
    }
    return { process, id: await process.order<string>('join', setup) }
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

/** A node's death. */
interface Death extends Change {
  /** Shards that the killed one had. */
  readonly orphans: readonly number[]
}

interface Measurements {
  readonly filled: Measured
  readonly joined: Change
  readonly left: Change
  readonly killed: Death
  readonly buried: Death
  readonly integrity: Integrity
}

/** @param told whether the other one is told by somebody who saw the process end */
async function kill(node: MeasuredNode, other: MeasuredNode, told: boolean): Promise<Death> {
  const orphans = await node.process.order<readonly number[]>('settled', 2)
  const change = await changed(other.process, async () => {
    await node.process.kill()
    if (told) await other.process.order('bury', node.id)
    await other.process.order('settled', 1)
  })
  return { ...change, orphans }
}

/** A node alone with everything, joined, left, joined again and killed; then its heir, joined by a third. */
async function measure(plan: Plan, nodes: Nodes): Promise<Measurements> {
  const first = await nodes.join('first')
  await first.process.order('settled', 1)
  plan.say(`opening ${plan.accounts} accounts and as many merchants`)
  await first.process.order('openParties')
  plan.say(`paying for ${plan.seconds} s`)
  const load: ClusterRound = { seconds: plan.seconds, pattern: {}, window: plan.window }
  const filled = await first.process.order<Measured>('round', load)
  /** A node joins while another one pays, and takes its part. */
  const join = async (name: string, payer: MeasuredNode): Promise<[MeasuredNode, Change]> => {
    let node: MeasuredNode | undefined
    const change = await changed(payer.process, async () => {
      node = await nodes.join(name)
      await node.process.order('settled', 2)
    })
    return [node!, change]
  }
  plan.say('a second node joins')
  const [leaver, joined] = await join('second', first)
  plan.say('it leaves in good order')
  const left = await changed(first.process, async () => {
    await leaver.process.order('leave')
    await first.process.order('settled', 1)
  })
  plan.say('it joins again')
  const [second] = await join('second', first)
  const saved = ['first', 'second', 'third'].map((name) => path.join(plan.folder, name))
  await first.process.order('save', saved[0])
  plan.say('killing the first node (SIGKILL)')
  const alone = await kill(first, second, false)
  plan.say('a third node joins')
  const [third] = await join('third', second)
  await second.process.order('save', saved[1])
  plan.say('killing the second node, as a supervisor that sees it')
  const buried = await kill(second, third, true)
  plan.say('comparing with what was acknowledged')
  await third.process.order('save', saved[2])
  const integrity = await third.process.order<Integrity>('check', saved)
  return { filled, joined, left, killed: alone, buried, integrity }
}

/** How long the shards of the killed one were silent. */
function silencesOf({ orphans, silences }: Death): number[] {
  return orphans.map((shard) => silences[shard]!)
}

async function run(plan: Plan): Promise<Outcome> {
  plan.say('starting 3 NATS servers')
  const servers = await NatsServers.start({ servers: 3 })
  const nodes = new Nodes(plan, servers)
  try {
    const { filled, joined, left, killed, buried, integrity } = await measure(plan, nodes)
    const lost = silencesOf(killed)
    const seen = silencesOf(buried)
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
        shotsRow('owner killed, seen by its supervisor: silent', 'shards', seen),
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
        ['the same, seen by a supervisor: shards', String(seen.length)],
        ['median', seconds(median(seen))],
        ['last', longest(seen)],
      ],
      data: { joined, left, killed, buried },
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
