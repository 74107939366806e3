/**
 * A whole cluster of this room on the simulation kernel: nodes that pause, die, are cut off and come
 * back, over a simulated NATS with its own troubles; and a witness that looks at every moment.
 *
 * What a node does about a shard is only the time it takes. The witness knows what no node does: which
 * renewal was really written when, and so whose lease has run out.
 */
import type { Env } from '../../../runtime/index.js'
import {
  calm,
  fairWeather,
  FaultCounts,
  Kernel,
  Random,
  SimulatedNatsService,
  type NatsFaultKind,
  type NatsWeather,
  type Owner,
} from '../../../runtime/simulation/index.js'
import type { KeyBucket, Nats } from '../../../transport/index.js'
import { MapStore } from '../../placement/map-store.js'
import { ShardAssignments, type ShardDuties } from '../../placement/shard-assignments.js'
import { Coordinator } from '../coordinator.js'
import { rebalanceDefaults } from '../map-duties.js'
import { Membership } from '../membership.js'
import { Witness } from './witness.js'

export const clusterName = 'test'
export const bucketName = 'suanpan_test'

/** A process that can stand still, die, and whose clock runs at its own pace. */
export class Process implements Owner {
  alive = true
  paused = false
  /** ms its wall clock is ahead of the true time. */
  skewMs = 0
  readonly env: Env
  private readonly kernel: Kernel
  private deferred: (() => void)[] = []

  constructor(kernel: Kernel, random: Random) {
    this.kernel = kernel
    // Clocks differ in pace by up to a tenth: less than the margin of a lease.
    const pace = random.between(0.95, 1.05)
    const origin = random.between(0, 1e6)
    this.env = {
      clock: {
        now: () => Math.floor(1_767_225_600_000 + kernel.now + this.skewMs),
        monotonic: () => origin + kernel.now * pace,
      },
      chance: { next: () => random.next(), bytes: (length) => random.bytes(length) },
      timers: {
        after: (delayMs, run) => kernel.after(delayMs / pace, run, this),
        soon: (run) => void kernel.after(0.01, run, this),
      },
      get disk(): never {
        throw new Error('no disk here')
      },
      get processes(): never {
        throw new Error('no processes here')
      },
    }
  }

  defer(run: () => void): void {
    this.deferred.push(run)
  }

  resume(): void {
    this.paused = false
    for (const run of this.deferred.splice(0)) this.kernel.after(0, run, this)
  }
}

/** One life of a node. */
export class SimulatedNode {
  readonly process: Process
  readonly nats: Nats
  membership!: Membership
  store!: MapStore
  coordinator!: Coordinator
  assignments!: ShardAssignments
  /** What was reported, newest last. */
  readonly reports: { event: string; detail: Record<string, unknown> }[] = []
  /** Why it may hold no lease; undefined when it may. */
  hindrance: string | undefined
  private retiring = false
  private readonly cluster: SimulatedCluster
  private readonly random: Random
  readonly name: string

  constructor(cluster: SimulatedCluster, name: string) {
    this.cluster = cluster
    this.name = name
    this.random = cluster.random
    this.process = new Process(cluster.kernel, cluster.random)
    this.nats = cluster.service.connect(this.process)
  }

  /** Joins; whatever goes wrong is tried again. */
  async start(): Promise<void> {
    const { env } = this.process
    const bucket = await this.open()
    const report = (event: string, detail: Record<string, unknown>): void => {
      this.reports.push({ event, detail })
      this.cluster.kernel.say(`${this.name} ${event} ${JSON.stringify(detail)}`)
    }
    const facts = { address: `http://${this.name}`, reads: [1, 2], capacity: 1 } as const
    const { name } = this
    this.membership = new Membership({
      env,
      bucket,
      name,
      facts: { ...facts, shards: new Map() },
      hindrance: () => this.hindrance,
      report,
      onPast: () => report('bucket_regressed', {}),
    })
    this.store = new MapStore({ env, bucket, attemptMs: 800, report })
    this.coordinator = new Coordinator({
      env,
      bucket,
      bus: this.nats.bus,
      cluster: clusterName,
      membership: this.membership,
      store: this.store,
      shards: this.cluster.shards,
      format: 1,
      sweepMs: 8_000,
      rebalance: () => ({ ...rebalanceDefaults, moveMsMax: 5_000 }),
      report,
    })
    this.assignments = new ShardAssignments(this.membership, this.store, this.duties())
    this.membership.onLost(() => void this.rejoin())
    this.store.start()
    this.assignments.start()
    this.coordinator.start()
    this.cluster.started.add(this)
    await this.rejoin()
  }

  /** Goes as a node should: empties itself, then leaves. @returns false when it died on the way */
  async retire(): Promise<boolean> {
    if (this.retiring) return false
    this.retiring = true
    this.membership.drain()
    const { kernel } = this.cluster
    const until = kernel.now + 15_000
    while (kernel.now < until && this.assignments.owned().length > 0) await kernel.wait(50)
    if (!this.process.alive) return false
    await this.coordinator.resign()
    await this.membership.leave()
    this.assignments.stop()
    this.store.stop()
    await this.nats.close()
    this.cluster.gone(this)
    return true
  }

  kill(): void {
    this.process.alive = false
    this.cluster.gone(this)
  }

  /** Whether it is up and could act now. */
  owns(shard: number): boolean {
    return this.process.alive && this.assignments.owns(shard)
  }

  private async open(): Promise<KeyBucket> {
    for (;;) {
      try {
        const bucket = await this.nats.bucket(bucketName, { replicas: 3 })
        return this.cluster.witness.overhear(bucket, this)
      } catch {
        await this.cluster.kernel.wait(200)
      }
    }
  }

  private async rejoin(): Promise<void> {
    await this.membership.join()
    this.assignments.joined()
  }

  private duties(): ShardDuties {
    const later = (meanMs: number, run: () => void): void =>
      void this.process.env.timers.after(this.random.exponential(meanMs), run)
    return {
      open: () => undefined,
      close: () => undefined,
      abandon: () => undefined,
      resume: () => undefined,
      prepare: (shard) => later(100, () => void this.assignments.ready(shard)),
      drain: (shard) => later(50, () => void this.assignments.handOver(shard)),
    }
  }
}

export class SimulatedCluster {
  readonly kernel = new Kernel()
  readonly weather: NatsWeather = fairWeather()
  readonly counts = new FaultCounts<NatsFaultKind>()
  readonly service: SimulatedNatsService
  readonly random: Random
  readonly witness: Witness
  readonly shards: number
  readonly nodes: SimulatedNode[] = []
  /** Nodes that have begun to take part. */
  readonly started = new Set<SimulatedNode>()

  constructor(seed: number, shards = 16) {
    this.random = new Random(seed, 'cluster')
    this.shards = shards
    const world = {
      kernel: this.kernel,
      random: new Random(seed, 'nats'),
      weather: this.weather,
      counts: this.counts,
    }
    this.service = new SimulatedNatsService(world)
    this.witness = new Witness(this)
  }

  add(name: string): SimulatedNode {
    const node = new SimulatedNode(this, name)
    this.nodes.push(node)
    void node.start()
    return node
  }

  gone(node: SimulatedNode): void {
    const at = this.nodes.indexOf(node)
    if (at >= 0) this.nodes.splice(at, 1)
    this.started.delete(node)
  }

  /** Runs until a condition holds, looking at every moment. @throws when it does not in time */
  async until(what: string, done: () => boolean, ms: number): Promise<void> {
    const met = await this.kernel.run(() => {
      this.witness.look()
      return done()
    }, this.kernel.now + ms)
    if (!met) throw new Error(`not within ${ms} ms: ${what}. ${this.describe()}`)
  }

  /** Runs until a promise is settled, looking at every moment. */
  async soon<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const end = (): void => void (settled = true)
    promise.then(end, end)
    await this.until('a promise is settled', () => settled, 60_000)
    return promise
  }

  /** Lets time pass, looking at every moment. */
  async pass(ms: number): Promise<void> {
    let over = false
    this.kernel.after(ms, () => (over = true))
    await this.until('time passes', () => over, ms + 1)
  }

  /** Ends all trouble. */
  heal(): void {
    calm(this.weather)
    this.service.endElection()
    for (const node of this.nodes) {
      this.service.mend(node.process)
      if (node.process.paused) node.process.resume()
    }
  }

  /** The node in office, if there is one. */
  get coordinator(): SimulatedNode | undefined {
    return [...this.started].find(({ coordinator }) => coordinator.term !== undefined)
  }

  /** Whether every shard has an owner who may act, nothing is on its way, and nodes are even. */
  settled(): boolean {
    const nodes = [...this.started]
    if (nodes.length !== this.nodes.length || this.coordinator === undefined) return false
    const { map } = this.witness
    if (map?.shards.some(({ next }) => next !== undefined) !== false) return false
    const counts = nodes.map(
      (node) => Array.from({ length: this.shards }, (_, i) => i).filter((i) => node.owns(i)).length,
    )
    const sum = counts.reduce((a, b) => a + b, 0)
    const even = map.draining.length > 0 || Math.max(...counts) - Math.min(...counts) <= 1
    return sum === this.shards && even
  }

  describe(): string {
    const nodes = [...this.started].map(
      ({ name, membership, assignments, coordinator }) =>
        `${name}: ${membership.id} term ${coordinator.term ?? '-'} valid ${membership.valid} owns ${assignments.owned().join()}`,
    )
    return `${nodes.join('; ')}; map ${JSON.stringify(this.witness.map)}`
  }
}
