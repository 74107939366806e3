/**
 * A cluster as a queueing model: nodes, shards with one append in flight each, NATS servers that keep
 * three copies. It answers what a cluster of many machines would do whose parts cost what they cost here.
 *
 * M1. A payment is three turns: hold at the payer's shard, credit at the payee's, post at the payer's
 *     again. What a turn sends leaves when the frame it stands in is durable; the client has its answer
 *     when the third turn has run.
 * M2. A node runs its turns in slices, one after the other, in one thread; at the end of a slice each
 *     shard with turns and nothing in flight appends them as one frame: group commit.
 * M3. An append costs processor time in the servers of its copies, and a sync on each one's disk; it is
 *     durable when the leader and one of the others have synced. Leaders are spread evenly.
 * M4. Batches between nodes go through a server: processor time by batch and by size.
 * M5. Load is a closed loop: so many payments of each node are always at work, payer and payee uniform.
 */
import { seeded, type Chance } from '../harness/chance.js'
import { Latencies, type LatencySummary } from '../harness/latencies.js'
import { Station } from './station.js'
import { Timeline } from './timeline.js'

/** What things cost; see `scale-out.ts` for how they are measured. */
export interface ModelCosts {
  /** Processor time of a node for a payment whose sides are both its own, µs. */
  readonly nodeMicros: number
  /** More of it when the sides are in two nodes, both nodes together, µs. */
  readonly acrossMicros: number
  /** Processor time of a frame, and of a KiB of it, in one server, µs. */
  readonly frameMicros: number
  readonly kibMicros: number
  /** A sync on a server's disk, ms. */
  readonly syncMs: number
  /** Bytes of a payment in the journals, all its frames together. */
  readonly paymentBytes: number
  /** One way between two machines, ms. */
  readonly networkMs: number
}

export interface ModelledCluster {
  readonly nodes: number
  readonly servers: number
  readonly shards: number
  /** Payments at work, of each node. */
  readonly window: number
  readonly coresPerServer: number
  /** Everything on one machine with so many cores and one disk; else a machine for each. */
  readonly together?: number
  readonly seed: number
}

export interface Modelled {
  readonly perSecond: number
  readonly latencyMs: LatencySummary
  /** Shares of time at work, the busiest of each kind. */
  readonly nodeBusy: number
  readonly serverBusy: number
  readonly diskBusy: number
  readonly framesPerSecond: number
}

/** ms of virtual time that are looked at, after those in which the queues fill. */
const lookMs = 1_500
const fillMs = 1_500
/** Turns a node runs at most before it lets frames leave, ms. */
const sliceMs = 8
const turnsOfPayment = 3
const copiesMax = 3
const batchHeadBytes = 64

/** A payment on its way; used again when it has ended. */
interface Payment {
  /** Of its client. */
  readonly node: number
  payer: number
  payee: number
  /** Turns of it that are durable: its next one is the hold, the credit or the post. */
  turn: number
  begun: number
}

/** A shard: its mailbox, the turns of the slice, and what the frame that is being filled causes. */
class Shard {
  waiting: Payment[] = []
  slice: Payment[] = []
  open: Payment[] = []
  openTurns = 0
  inFlight = false

  constructor(readonly number: number) {}
}

/** A NATS server. */
interface Server {
  readonly cores: Station
  readonly disk: Station
}

interface Node {
  readonly number: number
  readonly thread: Station
  readonly shards: Shard[]
  running: boolean
  /** Where the next slice begins, so that no shard waits for the others. */
  first: number
}

/** One run of the model. */
class ModelRun {
  private readonly timeline = new Timeline()
  private readonly costs: ModelCosts
  private readonly cluster: ModelledCluster
  private readonly chance: Chance
  private readonly nodes: Node[] = []
  private readonly servers: Server[] = []
  private readonly shards: Shard[] = []
  private readonly latencies = new Latencies()
  private completed = 0
  private frames = 0
  private looking = false

  constructor(costs: ModelCosts, cluster: ModelledCluster) {
    this.costs = costs
    this.cluster = cluster
    this.chance = seeded(cluster.seed)
    this.build()
  }

  run(): Modelled {
    for (let node = 0; node < this.cluster.nodes; node++) {
      for (let i = 0; i < this.cluster.window; i++) {
        this.begin({ node, payer: 0, payee: 0, turn: 0, begun: 0 })
      }
    }
    this.timeline.runUntil(fillMs)
    this.looking = true
    const stations = {
      nodeBusy: this.nodes.map(({ thread }) => thread),
      serverBusy: this.servers.map(({ cores }) => cores),
      diskBusy: this.servers.map(({ disk }) => disk),
    }
    const before = Object.values(stations).map((all) => all.map(({ work }) => work))
    this.timeline.runUntil(fillMs + lookMs)
    const busiest = Object.entries(stations).map(([name, all], kind) => [
      name,
      Math.max(...all.map((station, i) => station.busy(fillMs, before[kind]![i]!))),
    ])
    return {
      perSecond: (this.completed * 1000) / lookMs,
      latencyMs: this.latencies.summary(),
      framesPerSecond: (this.frames * 1000) / lookMs,
      ...(Object.fromEntries(busiest) as Pick<Modelled, keyof typeof stations>),
    }
  }

  private build(): void {
    const { nodes, servers, shards, together, coresPerServer } = this.cluster
    const { timeline } = this
    // On one machine everything waits for the same cores and the same disk.
    const cores = together === undefined ? undefined : new Station(timeline, together)
    const disk = together === undefined ? undefined : new Station(timeline, 1)
    for (let number = 0; number < nodes; number++) {
      const thread = cores ?? new Station(timeline, 1)
      this.nodes.push({ number, thread, shards: [], running: false, first: 0 })
    }
    for (let i = 0; i < servers; i++) {
      this.servers.push({
        cores: cores ?? new Station(timeline, coresPerServer),
        disk: disk ?? new Station(timeline, 1),
      })
    }
    for (let number = 0; number < shards; number++) {
      const shard = new Shard(number)
      this.shards.push(shard)
      this.nodes[number % nodes]!.shards.push(shard)
    }
  }

  private nodeOf(shard: number): Node {
    return this.nodes[shard % this.cluster.nodes]!
  }

  /** M5. */
  private begin(payment: Payment): void {
    const { shards } = this.cluster
    payment.payer = Math.floor(this.chance() * shards)
    payment.payee = Math.floor(this.chance() * shards)
    payment.turn = 0
    payment.begun = this.timeline.now
    this.send(this.nodes[payment.node]!, this.nodeOf(payment.payer), [payment])
  }

  /** M4. Brings payments to the node of their next turn. */
  private send(from: Node, to: Node, payments: readonly Payment[]): void {
    const arrive = (): void => {
      for (const payment of payments) {
        const shard = payment.turn === 1 ? payment.payee : payment.payer
        this.shards[shard]!.waiting.push(payment)
      }
      this.wake(to)
    }
    if (from === to) {
      // Not within the turn that caused it.
      this.timeline.at(this.timeline.now, arrive)
      return
    }
    const { costs, timeline } = this
    const bytes = batchHeadBytes + (payments.length * costs.paymentBytes) / turnsOfPayment
    const server = this.servers[(from.number + to.number) % this.servers.length]!
    server.cores.serve((costs.kibMicros * bytes) / 1024 / 1000, () => {
      timeline.at(timeline.now + 2 * costs.networkMs, arrive)
    })
  }

  /** M2. */
  private wake(node: Node): void {
    if (node.running) return
    let ms = 0
    for (let i = 0; i < node.shards.length && ms < sliceMs; i++) {
      const shard = node.shards[(node.first + i) % node.shards.length]!
      let taken = 0
      for (; taken < shard.waiting.length && ms < sliceMs; taken++) {
        ms += this.turnMicros(shard.waiting[taken]!) / 1000
      }
      if (taken > 0) shard.slice = shard.waiting.splice(0, taken)
    }
    if (ms === 0) return
    node.first = (node.first + 1) % node.shards.length
    node.running = true
    node.thread.serve(ms, () => {
      node.running = false
      for (const shard of node.shards) {
        this.ran(shard)
        this.append(node, shard)
      }
      this.wake(node)
    })
  }

  private turnMicros({ payer, payee }: Payment): number {
    const { nodeMicros, acrossMicros } = this.costs
    const across = this.nodeOf(payer) !== this.nodeOf(payee)
    return (nodeMicros + (across ? acrossMicros : 0)) / turnsOfPayment
  }

  /** The turns of a slice are in the open frame; those that were a payment's last end it. */
  private ran(shard: Shard): void {
    for (const payment of shard.slice) {
      shard.openTurns++
      if (payment.turn < turnsOfPayment - 1) shard.open.push(payment)
      else this.end(payment)
    }
    shard.slice = []
  }

  private end(payment: Payment): void {
    if (this.looking) {
      this.completed++
      this.latencies.record(this.timeline.now - payment.begun)
    }
    this.begin(payment)
  }

  /** M3. */
  private append(node: Node, shard: Shard): void {
    if (shard.inFlight || shard.openTurns === 0) return
    const caused = shard.open
    const kib = (shard.openTurns * this.costs.paymentBytes) / turnsOfPayment / 1024
    shard.open = []
    shard.openTurns = 0
    shard.inFlight = true
    if (this.looking) this.frames++
    const { timeline, costs } = this
    timeline.at(timeline.now + costs.networkMs, () => {
      this.replicate(shard.number, kib, () => {
        timeline.at(timeline.now + costs.networkMs, () => {
          shard.inFlight = false
          this.leave(node, caused)
          this.append(node, shard)
        })
      })
    })
  }

  private replicate(shard: number, kib: number, durable: () => void): void {
    const { costs, servers, timeline } = this
    const ms = (costs.frameMicros + kib * costs.kibMicros) / 1000
    const copies = Math.min(copiesMax, servers.length)
    const majority = Math.floor(copies / 2) + 1
    let synced = 0
    let leaderSynced = false
    let told = false
    const ended = (leader: boolean): void => {
      synced++
      leaderSynced ||= leader
      if (told || !leaderSynced || synced < majority) return
      told = true
      durable()
    }
    for (let copy = 0; copy < copies; copy++) {
      const { cores, disk } = servers[(shard + copy) % servers.length]!
      const hop = copy === 0 ? 0 : costs.networkMs
      timeline.at(timeline.now + hop, () => {
        cores.serve(ms, () => {
          disk.serve(costs.syncMs, () => {
            timeline.at(timeline.now + hop, () => {
              ended(copy === 0)
            })
          })
        })
      })
    }
  }

  /** What a durable frame caused leaves, one batch for each node. */
  private leave(node: Node, caused: readonly Payment[]): void {
    const batches = new Map<Node, Payment[]>()
    for (const payment of caused) {
      payment.turn++
      const to = this.nodeOf(payment.turn === 1 ? payment.payee : payment.payer)
      const batch = batches.get(to)
      if (batch === undefined) batches.set(to, [payment])
      else batch.push(payment)
    }
    for (const [to, batch] of batches) this.send(node, to, batch)
  }
}

/** @returns what a cluster does whose parts cost this much */
export function modelCluster(costs: ModelCosts, cluster: ModelledCluster): Modelled {
  return new ModelRun(costs, cluster).run()
}
