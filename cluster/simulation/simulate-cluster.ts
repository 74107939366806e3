/**
 * One run of a simulated cluster, from its seed to its verdict: nodes come up, a storm in which
 * anything may fail, then a calm in which everything must converge; the streams are judged all along.
 *
 * Z1. At every moment at most one node would answer a read of a shard.
 * Z2. In the calm every shard is owned and served, and can be by every node; every request is answered,
 *     every message acknowledged.
 * Z6. Who is fenced does not answer any more: what came behind the fence would not be in the answers.
 * Z3 to Z5, of who acts for a shard, are in `ownership-watch.ts`.
 */
import type { ShardStatus } from '../../runtime/index.js'
import {
  Clients,
  Random,
  StreamJudge,
  type OracleFactory,
  type RunResult,
  type Workload,
  type WorkloadRun,
} from '../../runtime/simulation/index.js'
import { openEnvelope } from '../node/node-link.js'
import type { ClusterFaultKind } from './cluster-faults.js'
import { ClusterWorld } from './cluster-world.js'
import { clusterName, type NodeLife } from './simulated-node.js'
import { clusterPlanOf, type ClusterPlan } from './swarm.js'

export interface SimulateClusterOptions {
  readonly seed: number
  readonly workload: Workload
  /** Judges beside the kit's own. */
  readonly oracles: readonly OracleFactory[]
  /** Overrides parts of the plan the seed gives. */
  readonly plan?: Partial<ClusterPlan>
  /** Takes the lines of a readable trace. */
  readonly onLine?: (line: string) => void
}

export type ClusterRunResult = RunResult<ClusterFaultKind>

/** ms of virtual time for coming up, and for convergence. */
const upMs = 60_000
const calmMs = 180_000
const violationsMax = 10
const retryMs = 50
/** Tries to compare all pairs of shards. */
const comparisonsMax = 400

/** Runs one seed. */
export async function simulateCluster(options: SimulateClusterOptions): Promise<ClusterRunResult> {
  const run = new ClusterRun(options)
  await run.all()
  return run.result()
}

class Stuck extends Error {}

class ClusterRun {
  private readonly plan: ClusterPlan
  private readonly world: ClusterWorld
  private readonly judge: StreamJudge
  private readonly clients: Clients<NodeLife>
  private readonly workloadRun: WorkloadRun
  private readonly violations: string[] = []
  private readonly sometimesCounts = new Map<string, number>()
  /** Node that would answer reads of a shard, at the moment. */
  private readonly answering: (NodeLife | undefined)[] = []

  constructor(options: SimulateClusterOptions) {
    const { seed, workload, oracles, onLine } = options
    const plan = { ...clusterPlanOf(seed), ...options.plan }
    this.plan = plan
    const violation = (sentence: string): void => {
      this.violation(sentence)
    }
    const sometimes = (name: string): void => {
      this.sometimes(name)
    }
    const { shards, keyRetentionMs, mailboxMessages, requestTimeoutMs } = plan
    const { snapshotJournalBytes, snapshotChunkBytes, lease } = plan
    const { actors, settings = {} } = workload
    this.world = new ClusterWorld(
      plan,
      {
        ...{ actors, settings, shards, mailboxMessages, requestTimeoutMs, snapshotJournalBytes },
        ...{ lease, idempotencyRetentionMs: keyRetentionMs, snapshotChunkBytes },
      },
      {
        violation,
        sometimes,
        gone: (life) => this.clients.lost(life),
        ask: (life, request) => this.clients.send(request, life),
      },
    )
    const { kernel, service } = this.world
    kernel.onLine = onLine
    this.judge = new StreamJudge({
      ...{ seed, service, workload, oracles, shards, keyRetentionMs, violation, sometimes },
      journalOf: (shard) => `SHARD_${clusterName}_${shard}`,
      now: () => kernel.now,
      snapshotsOf: (shard) => `SNAP_${clusterName}_${shard}`,
      onFence: (shard, epoch) => this.fenced(shard, epoch),
    })
    service.bus.onPublish = (subject, bytes) => {
      if (subject.endsWith('.peers')) this.judge.sawPeers(openEnvelope(bytes)!.batch)
    }
    const random = new Random(seed, 'workload')
    this.workloadRun = workload.start({ random, clients: plan.clients, shards })
    const route = new Random(seed, 'route')
    this.clients = new Clients(kernel, this.workloadRun, new Random(seed, 'clients'), {
      ...plan,
      route: () => {
        const lives = this.world.reachable()
        return lives.length === 0 ? undefined : route.pick(lives)
      },
      invoked: (operation, { node }) => {
        this.judge.invoked(operation, node!.identity.secret)
      },
      completed: (operation, node) => {
        this.judge.completed(operation)
        this.world.sleepers.completed(operation, node)
      },
    })
  }

  async all(): Promise<void> {
    const { kernel } = this.world
    kernel.say(`plan ${JSON.stringify(this.plan)}`)
    try {
      this.world.start()
      await this.reach(() => this.world.settled(), upMs, 'the cluster does not come up')
      this.clients.start()
      this.world.storm()
      await kernel.run(() => this.look() || this.clients.finished, kernel.now + this.plan.stormMs)
      this.clients.drain()
      this.world.heal()
      await this.converge()
    } catch (error) {
      if (!(error instanceof Stuck)) throw error
      this.violation(error.message)
      for (const life of this.world.lives) kernel.say(`believes ${life.belief}`)
    }
  }

  result(): ClusterRunResult {
    const { kernel, counts } = this.world
    return {
      seed: this.plan.seed,
      hash: kernel.hash,
      events: kernel.events,
      virtualMs: Math.round(kernel.now),
      operations: this.clients.operations.length,
      faults: counts.all(),
      sometimes: Object.fromEntries([...this.sometimesCounts].sort()),
      violations: this.violations,
    }
  }

  private get hopeless(): boolean {
    return this.violations.length >= violationsMax
  }

  /** Looks at all nodes as they are now. @returns whether going on tells nothing new */
  private look(): boolean {
    const { answering } = this
    answering.fill(undefined)
    for (const life of this.world.lives) {
      for (let shard = 0; shard < this.plan.shards; shard++) {
        if (!life.answers(shard)) continue
        const other = answering[shard]
        if (other !== undefined) {
          this.violation(`one-answerer: ${other.name} and ${life.name} both answer for ${shard}`)
        }
        answering[shard] = life
      }
    }
    return this.hopeless
  }

  /** The calm phase. */
  private async converge(): Promise<void> {
    const { world, clients } = this
    // An attempt its client has given up may still be asked again by its node, and begin something.
    const calm = (): boolean => clients.finished && clients.idle && world.settled()
    await this.reach(calm, calmMs, 'clients still wait, or shards are not served')
    for (const request of this.workloadRun.finalOperations?.() ?? []) clients.send(request)
    await this.reach(calm, calmMs, 'final operations are not answered')
    await this.quiet()
    await this.finish('moving shards', this.rotate())
    await this.quiet()
    const silentPairs = await this.finish('comparing pairs', this.comparePairs())
    const status = await this.quiet()
    await this.finish(
      'snapshots',
      Promise.all(world.lives.flatMap((life) => life.node?.snapshot() ?? [])),
    )
    await this.judge.finish()
    const { operations } = clients
    this.judge.finished({ operations, status, silentPairs })
  }

  /** Waits until nobody owes or waits for anything. */
  private async quiet(): Promise<ShardStatus[]> {
    const { kernel, lives } = this.world
    const until = kernel.now + calmMs
    for (;;) {
      const all = await this.finish(
        'status',
        Promise.all(lives.flatMap((life) => life.node?.localStatus() ?? [])),
      )
      const status = all.flat().sort((a, b) => a.shard - b.shard)
      const busy = status.filter(({ outboxMessages, mailbox }) => outboxMessages + mailbox > 0)
      if (busy.length === 0 && status.length === this.plan.shards) return status
      if (kernel.now > until) {
        const owed = busy.map(({ shard, outboxMessages }) => `${shard}: ${outboxMessages}`)
        throw new Stuck(`no convergence: shards still owe messages (${owed.join('; ')})`)
      }
      await this.finish('waiting', kernel.wait(retryMs))
    }
  }

  /** Every shard visits every node: a node that can't serve one any more may show nowhere else. */
  private async rotate(): Promise<void> {
    const { world, plan } = this
    const { kernel, lives } = world
    for (let step = 0; step < lives.length; step++) {
      for (let shard = 0; shard < plan.shards; shard++) {
        const to = lives[(shard + step) % lives.length]!
        while (to.node?.serves(shard) !== true) {
          // Whoever asked before may have had no coordinator to hear it.
          world.undrainAll()
          world.moveTo(shard, to.name)
          await kernel.wait(retryMs)
        }
      }
    }
  }

  private async comparePairs(): Promise<{ from: number; to: number }[]> {
    const { kernel, lives } = this.world
    for (let tries = comparisonsMax; ; tries--) {
      try {
        return await lives[0]!.node!.client.comparePairs({ timeoutMs: calmMs / 2 })
      } catch (error) {
        if (tries === 0) throw error
        await kernel.wait(retryMs)
      }
    }
  }

  private async reach(done: () => boolean, ms: number, what: string): Promise<void> {
    const { kernel } = this.world
    const reached = await kernel.run(() => this.look() || done(), kernel.now + ms)
    if (!reached || this.hopeless) throw new Stuck(`no convergence: ${what}`)
  }

  private async finish<T>(what: string, promise: Promise<T>): Promise<T> {
    let settled = false
    const noted = promise.finally(() => (settled = true))
    noted.catch(() => undefined)
    await this.reach(() => settled, calmMs, `"${what}" does not end`)
    return noted
  }

  private fenced(shard: number, epoch: number): void {
    if (epoch === 1) return
    this.sometimes('taken over')
    const before = this.answering[shard]
    if (before?.answers(shard) !== true) return
    this.violation(`fenced-while-answering: ${before.name} answers for ${shard} and is fenced`)
  }

  private violation(sentence: string): void {
    if (!this.hopeless) this.violations.push(sentence)
    this.world.kernel.say(`VIOLATION ${sentence}`)
  }

  private sometimes(name: string): void {
    this.sometimesCounts.set(name, (this.sometimesCounts.get(name) ?? 0) + 1)
  }
}
