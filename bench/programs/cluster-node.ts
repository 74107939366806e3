/**
 * A measured process: a node of a cluster, the generator beside it, as a service that embeds a node
 * would be. Journals are on JetStream; payments go to whichever node has their shards.
 */
import { nodeEnv } from '../../runtime/index.js'
import { shardOfHome } from '../../runtime/internal.js'
import { payments } from '../../actors/index.js'
import { connectNats } from '../../transport/nats/index.js'
import { ClusterNode } from '../../cluster/index.js'
import type { Nats } from '../../transport/index.js'
import { closedLoop, type Measured } from '../harness/loops.js'
import { serveOrders } from '../harness/program.js'
import { checkBank } from './check-bank.js'
import { openParties } from './open-parties.js'
import { Pairs, Parties, type Pattern } from './parties.js'
import { PaymentsWorkload } from './payments-workload.js'
import { Silences } from './silences.js'

export interface ClusterNodeSetup {
  readonly servers: readonly string[]
  readonly name: string
  readonly replicas: number
  readonly shards: number
  readonly accounts: number
  /** Different in every node and run: seeds the pairs, begins the keys. */
  readonly seed: number
}

export interface ClusterRound {
  readonly seconds: number
  readonly pattern: Pattern
  readonly window: number
}

interface Running {
  readonly setup: ClusterNodeSetup
  readonly node: ClusterNode
  readonly connections: readonly Nats[]
  readonly workload: PaymentsWorkload
}

const lookMs = 50
let running: Running | undefined
let silences: Silences | undefined

async function join(setup: ClusterNodeSetup): Promise<string> {
  const { servers, name, replicas, shards, accounts, seed } = setup
  const connect = (): Promise<Nats> => connectNats({ servers })
  const [nats, control] = await Promise.all([connect(), connect()])
  const node = await ClusterNode.join(nodeEnv(), {
    cluster: 'bench',
    name,
    nats,
    control,
    replicas,
    shards,
    actors: payments.actors,
    report: () => undefined,
    fail: (error) => {
      throw error
    },
  })
  const bank = payments.client(node.client)
  const workload = new PaymentsWorkload(bank, new Parties(accounts), `n${seed}`)
  running = { setup, node, connections: [nats, control], workload }
  return node.membership.id
}

/** False while an owner still reads a shard's journal. */
async function allServe({ client }: ClusterNode): Promise<boolean> {
  try {
    await client.shardStatus()
    return true
  } catch (error) {
    if ((error as { code?: unknown }).code === 'not_ready') return false
    throw error
  }
}

/** Of nodes that share evenly: shards that the one with the fewest may have less than its part. */
const unevenMax = 1

/** Waits until every shard is served, and by so many nodes, each of which has about its part. */
async function settled(nodes: number): Promise<readonly number[]> {
  const { node } = running!
  for (;;) {
    const shares = new Map<unknown, number>()
    for (const owner of node.owners) shares.set(owner, (shares.get(owner) ?? 0) + 1)
    const part = Math.floor(node.owners.length / nodes) - unevenMax
    const even = Math.min(...shares.values()) >= part
    const owned = shares.size === nodes && even && node.ready && !shares.has(undefined)
    if (owned && (await allServe(node))) return node.shards
    await new Promise((resolve) => setTimeout(resolve, lookMs))
  }
}

function round({ seconds, pattern, window }: ClusterRound): Promise<Measured> {
  const { workload, setup } = running!
  workload.begin(new Pairs(workload.parties, pattern, setup.seed), 'pay')
  return closedLoop(workload, { seconds, window })
}

/** Begins to watch how long shards are silent, from here. */
function watch(): void {
  const { node, workload, setup } = running!
  const bank = payments.client(node.client)
  const { addresses } = workload.parties
  const ofShard = Array.from({ length: setup.shards }, (_, shard) =>
    addresses.find((address) => shardOfHome(address, setup.shards) === shard),
  )
  silences = new Silences(setup.shards, (shard) => bank.account(ofShard[shard]!))
}

serveOrders({
  join,
  watch,
  /** What a supervisor tells: the process that had this id has ended. */
  bury: (id: string) => running!.node.coordinator.bury(id),
  silences: () => silences!.end(),
  settled,
  round,
  openParties: () => openParties(payments.client(running!.node.client), running!.workload.parties),
  shareAcross(pattern: Pattern): number {
    const { workload, setup } = running!
    const { parties } = workload
    return new Pairs(parties, pattern, setup.seed).shareAcross((party) =>
      shardOfHome(parties.addresses[party]!, setup.shards),
    )
  },
  save: (path: string) => running!.workload.acknowledgements.save(path),
  check: (acknowledged: readonly string[]) =>
    checkBank(payments.client(running!.node.client), running!.setup.accounts, acknowledged),
  /** In good order, as the command does when it is asked to end. */
  async leave(): Promise<void> {
    await running!.node.drain()
    await running!.node.leave()
    await Promise.all(running!.connections.map((connection) => connection.close()))
  },
})
