/**
 * A storm: a real cluster under a bank's load over HTTP, while owners, NATS servers and links are
 * killed, paused, cut and slowed, one after the other; then calm, and a look at everything.
 *
 * S1. Every request is written down before it is sent. At the end each key is asked again: the same
 *     answer, remembered; and every account holds exactly what the answers add up to.
 * S2. Witness accounts are read from every node all the time, zombies included (W1, W2).
 * S3. Healed, every shard serves again, on its own.
 */
import { AcknowledgementLog } from '../crash/acknowledgements.js'
import { Checks, type Violation } from '../crash/checks.js'
import { Load } from '../crash/load.js'
import { shardOfHome } from '../../runtime/index.js'
import { breakLinks, cutPower } from './outages.js'
import { Pulses } from './pulses.js'
import { StormCluster, stormShards, type StormNode } from './storm-cluster.js'
import { Witness } from './witnesses.js'

export const stormFaults = [
  'kill_owner',
  'zombie',
  'restart_node',
  'kill_server',
  'kill_leader',
  'kill_owner_and_server',
  'lose_disk',
  'kill_servers',
  'power_cut',
  'pause_server',
  'cut_links',
  'stall_links',
  'slow_links',
  'join_node',
  'rolling_restart',
] as const
export type StormFault = (typeof stormFaults)[number]

/** What a storm has done; plain numbers, so that results can be added up. */
export interface StormTally {
  faults: Partial<Record<StormFault, number>>
  acknowledged: number
  unknown: number
  lost: number
  doubled: number
  violations: number
  reads: number
  staleReads: number
  /** Owners that were paused until others had served all they owned. */
  zombies: number
  /** Reads that waited at the doors of zombies when they woke up, and were answered. */
  zombieReads: number
  /** By fault: s until every witness had a deposit acknowledged that was begun after it. */
  failoverSeconds: Partial<Record<StormFault, number[]>>
  /** Requests of witnesses that were asked again with the same key. */
  retries: number
  /** By planned work: the longest pause of each shard, ms. */
  pausesMs: Partial<Record<StormFault, number[]>>
}

export interface StormOptions {
  /** The compiled command line. */
  readonly main: string
  readonly nodes: number
  readonly chance: () => number
  /** Faults in this order; drawn by chance when there is none left. */
  readonly script?: readonly StormFault[]
  /** A shard's. Two, so that one slow client is no pause of its shard; one shows what is lost or stale. @default 2 */
  readonly witnesses?: number
  /** Paying at once. @default 6 */
  readonly clients?: number
  onFault(fault: StormFault, tally: StormTally): void
  onViolation(sentence: string): void
}

const requestTimeoutMs = 4_000
/** ms between two faults, at least and at most. */
const calmMs = [500, 2_500] as const
/** ms a paused or broken thing stays so, beyond any lease. */
const brokenMs = [3_000, 6_000] as const
const patienceMs = 60_000

export class Storm {
  readonly tally: StormTally = {
    ...{ faults: {}, acknowledged: 0, unknown: 0, lost: 0, doubled: 0, violations: 0 },
    ...{ reads: 0, staleReads: 0, zombies: 0, zombieReads: 0, retries: 0 },
    ...{ failoverSeconds: {}, pausesMs: {} },
  }
  private readonly options: StormOptions
  private readonly cluster: StormCluster
  private readonly log = new AcknowledgementLog()
  private readonly load: Load
  private readonly witnesses: Witness[]
  private readonly pulses = new Pulses(stormShards)
  private ends = false
  /** The newest zombie, and when it woke up. */
  private woken: { readonly url: string | undefined; readonly at: number } = { url: '', at: 0 }

  private constructor(options: StormOptions, cluster: StormCluster) {
    this.options = options
    this.cluster = cluster
    this.load = new Load(this.log, options.chance, 'storm')
    const { witnesses = 2 } = options
    this.witnesses = Array.from({ length: witnesses * stormShards }, (_, i) =>
      this.witness(i % stormShards, i),
    )
  }

  /** A witness that lives in a shard. */
  private witness(shard: number, number: number): Witness {
    let name = ''
    for (let tries = 0; name === '' || shardOfHome(`account/${name}`, stormShards) !== shard;) {
      name = `witness-${number}-${tries++}`
    }
    return new Witness(
      name,
      shard,
      () => this.cluster.urls,
      () => this.stopped(),
      {
        stale: ({ sentence }) => {
          this.tally.staleReads++
          this.violation(sentence)
        },
        refused: (sentence) => this.violation(sentence),
        read: (url, sent, answered) => {
          const { url: woken, at } = this.woken
          if (url === woken && sent < at && answered >= at) this.tally.zombieReads++
        },
        acknowledged: (at, ms) => this.pulses.beat(at, ms),
      },
    )
  }

  /** Runs until told to stop, heals, checks. */
  static async run(options: StormOptions, stopped: () => boolean): Promise<StormTally> {
    const cluster = await StormCluster.start(options.main, options.nodes)
    try {
      const storm = new Storm(options, cluster)
      await storm.blow(stopped)
      await storm.calm()
      return storm.tally
    } finally {
      await cluster.stop()
    }
  }

  private async blow(stopped: () => boolean): Promise<void> {
    await Promise.all(this.witnesses.map((witness) => witness.open()))
    const deadline = performance.now() + patienceMs
    while (!(await this.load.open(this.cluster.urls[0]!))) {
      if (performance.now() > deadline) throw new Error('no account could be opened')
      await this.pause(calmMs)
    }
    const work = [
      ...this.witnesses.flatMap((witness) => [witness.write(), witness.read()]),
      ...Array.from({ length: this.options.clients ?? 6 }, () => this.pay()),
    ]
    const script = [...(this.options.script ?? [])]
    const scripted = script.length > 0
    while (!stopped() && (!scripted || script.length > 0)) {
      await this.strike(script.shift() ?? this.pick(stormFaults))
      await this.pause(calmMs)
    }
    this.ends = true
    await Promise.all(work)
  }

  /** Everything healed: what is unknown is asked again, and all is compared. */
  private async calm(): Promise<void> {
    for (const node of this.cluster.nodes) {
      node.signal('SIGCONT')
      for (const link of node.links) link.mend()
      if (!node.runs) await node.start()
    }
    await this.cluster.servers.healthy()
    const checks = new Checks(this.log, this.load, this.options.chance, (found) => {
      this.found(found)
    })
    const deadline = performance.now() + patienceMs
    while (!(await checks.run(this.cluster.urls[0]!))) {
      if (performance.now() > deadline) throw new Error('the cluster does not answer again')
      await this.pause(calmMs)
    }
    for (const witness of this.witnesses) await this.lastLook(witness)
    const { tally } = this
    tally.acknowledged =
      this.log.known.length + this.witnesses.reduce((sum, one) => sum + one.acknowledged, 0)
    tally.unknown = this.log.everUnknown
    tally.retries = this.witnesses.reduce((sum, one) => sum + one.retries, 0)
    tally.reads = this.witnesses.reduce((sum, one) => sum + one.reads, 0)
  }

  /** S1 of a witness: all that was acknowledged, and at most one deposit more. */
  private async lastLook(witness: Witness): Promise<void> {
    const shown = await witness.readOnce(this.cluster.urls[0]!)
    if (shown === undefined) this.violation(`${witness.name} does not answer.`)
    else if (shown < witness.acknowledged) {
      this.tally.lost++
      this.violation(`${witness.name} has ${shown} of ${witness.acknowledged} deposits.`)
    }
  }

  /** A client: any request, at any node, until it is answered. */
  private async pay(): Promise<void> {
    while (!this.stopped()) {
      const attempt = this.load.any()
      for (;;) {
        const { urls } = this.cluster
        const send = () => this.load.send(this.pick(urls), attempt, requestTimeoutMs)
        if (urls.length > 0 && (await send())) break
        if (this.stopped()) return
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  }

  private async strike(fault: StormFault): Promise<void> {
    const { faults } = this.tally
    faults[fault] = (faults[fault] ?? 0) + 1
    const node = this.pick(this.cluster.nodes)
    const began = performance.now()
    switch (fault) {
      case 'kill_owner':
        await node.end('SIGKILL')
        await this.recovered(fault, began)
        await node.start()
        break
      case 'kill_owner_and_server': {
        const server = this.server()
        await Promise.all([node.end('SIGKILL'), this.cluster.servers.kill(server)])
        await this.recovered(fault, began)
        this.cluster.servers.restart(server)
        await this.cluster.servers.healthy()
        await node.start()
        break
      }
      case 'restart_node':
        await node.end('SIGTERM')
        await node.start()
        break
      case 'zombie':
        await this.makeZombie()
        break
      case 'kill_server':
      case 'kill_leader':
        await this.killServer(fault, began)
        break
      case 'pause_server': {
        const server = this.server()
        this.cluster.servers.pause(server)
        await this.pause(brokenMs)
        this.cluster.servers.resume(server)
        await this.recovered(fault, began)
        break
      }
      case 'cut_links':
      case 'stall_links':
      case 'slow_links':
        await breakLinks(node, fault, this.options.chance() < 0.5, () => this.pause(brokenMs))
        await this.recovered(fault, began)
        break
      case 'lose_disk': {
        const server = this.server()
        await this.cluster.servers.kill(server)
        await this.recovered(fault, began)
        await this.cluster.servers.replace(server)
        break
      }
      case 'kill_servers':
      case 'power_cut':
        await cutPower(this.cluster, fault === 'power_cut', () => this.pause(calmMs))
        await this.recovered(fault, began)
        break
      case 'join_node':
        await this.measured(fault, () => this.join())
        break
      case 'rolling_restart':
        await this.measured(fault, () => this.restartAll())
    }
    this.options.onFault(fault, this.tally)
  }

  /** Work that was planned stops nothing: the longest pause of each shard is kept. */
  private async measured(fault: StormFault, work: () => Promise<void>): Promise<void> {
    await this.recovered(fault, performance.now())
    this.pulses.begin(performance.now())
    await work()
    const before = this.tally.pausesMs[fault]
    this.tally.pausesMs[fault] = this.pulses
      .pauses(performance.now())
      .map((ms, shard) => Math.max(ms, before?.[shard] ?? 0))
  }

  /** One node more takes its share, and gives it back. */
  private async join(): Promise<void> {
    const node = await this.cluster.add()
    const share = Math.floor(stormShards / this.cluster.nodes.length)
    const deadline = performance.now() + patienceMs
    await node.start()
    while ((await node.served()) < share) {
      if (performance.now() > deadline) {
        this.violation(`${node.name} has joined and did not get ${share} shards.`)
        break
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    await this.pause(calmMs)
    await this.cluster.takeAway()
  }

  private async restartAll(): Promise<void> {
    for (const node of this.cluster.nodes) {
      await node.end('SIGTERM')
      await node.start()
      await this.pause(calmMs)
    }
  }

  /** Paused with requests at work, resumed after others have served what it owned (S2). */
  private async makeZombie(): Promise<void> {
    const node = await this.owner()
    const { url } = node
    const began = performance.now()
    node.signal('SIGSTOP')
    await this.recovered('zombie', began)
    this.woken = { url, at: performance.now() }
    node.signal('SIGCONT')
    this.tally.zombies++
    // Fresh reads at the very moment it wakes, beside those that wait at its port already.
    if (url !== undefined) await Promise.all(this.witnesses.map((one) => one.readOnce(url)))
  }

  /** A node that has shards to lose. */
  private async owner(): Promise<StormNode> {
    for (;;) {
      const node = this.pick(this.cluster.nodes)
      if ((await node.served()) > 0) return node
      await this.pause(calmMs)
    }
  }

  private async killServer(fault: 'kill_server' | 'kill_leader', began: number): Promise<void> {
    const { servers } = this.cluster
    const server = fault === 'kill_server' ? this.server() : await servers.leaderOf('SHARD_storm_0')
    await servers.kill(server)
    await this.recovered(fault, began)
    servers.restart(server)
    await servers.healthy()
  }

  /** Waits until every witness had a deposit acknowledged that was begun after a moment. */
  private async recovered(fault: StormFault, began: number): Promise<void> {
    const deadline = began + patienceMs
    for (const witness of this.witnesses) {
      while (witness.newest.begun <= began) {
        if (performance.now() > deadline) {
          this.violation(`${witness.name} is not served ${patienceMs / 1000} s after ${fault}.`)
          return
        }
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
    const last = Math.max(...this.witnesses.map(({ newest }) => newest.acknowledged))
    const seconds = (this.tally.failoverSeconds[fault] ??= [])
    seconds.push(Math.round(last - began) / 1000)
  }

  private found({ type, sentence }: Violation): void {
    if (type === 'lost') this.tally.lost++
    if (type === 'doubled') this.tally.doubled++
    this.violation(sentence)
  }

  private violation(sentence: string): void {
    this.tally.violations++
    this.options.onViolation(sentence)
  }

  private stopped(): boolean {
    return this.ends
  }

  private server(): number {
    return Math.floor(this.options.chance() * 3)
  }

  private pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.options.chance() * from.length)]!
  }

  private pause([least, most]: readonly [number, number]): Promise<void> {
    const ms = least + this.options.chance() * (most - least)
    return new Promise((resolve) => setTimeout(resolve, ms))
  }
}
