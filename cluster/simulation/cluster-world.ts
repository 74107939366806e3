/**
 * The world of one run: the servers of NATS, the nodes on it that come and go, operators, and the
 * faults that befall them all.
 */
import { OpenRefused } from '../../runtime/index.js'
import {
  FaultCounts,
  Kernel,
  Random,
  SimulatedNatsService,
  SimulatedProcess,
  calm,
  type CutDirection,
} from '../../runtime/simulation/index.js'
import { NatsUnreachable } from '../../transport/index.js'
import { controlSubject, encodeRequest, type ControlRequest } from '../membership/control.js'
import type { ClusterFaultKind } from './cluster-faults.js'
import { damageSnapshots } from './damage-snapshots.js'
import { OwnershipWatch } from './ownership-watch.js'
import { Parents } from './parents.js'
import { clusterName, connections, NodeLife, type LifeOptions } from './simulated-node.js'
import { Sleepers, type Asker } from './sleepers.js'
import type { ClusterPlan } from './swarm.js'

export interface WorldListener extends Asker {
  violation(sentence: string): void
  sometimes(name: string): void
  /** A life is over. */
  gone(life: NodeLife): void
}

export class ClusterWorld {
  readonly kernel = new Kernel()
  readonly counts = new FaultCounts<ClusterFaultKind>()
  readonly service: SimulatedNatsService
  /** Lives that are not over. */
  readonly lives: NodeLife[] = []
  readonly sleepers: Sleepers
  private readonly plan: ClusterPlan
  private readonly options: LifeOptions
  private readonly listener: WorldListener
  private readonly random: Random
  private readonly weather
  private readonly operator
  private stormy = false
  private lastPid = 0
  private readonly ownership: OwnershipWatch
  private readonly parents: Parents
  /** Starts that are to come. */
  private awaited = 0

  constructor(plan: ClusterPlan, options: LifeOptions, listener: WorldListener) {
    this.plan = plan
    this.options = options
    this.listener = listener
    this.random = new Random(plan.seed, 'cluster faults')
    this.weather = { ...plan.weather }
    calm(this.weather)
    this.service = new SimulatedNatsService({
      kernel: this.kernel,
      random: new Random(plan.seed, 'nats'),
      weather: this.weather,
      counts: this.counts,
    })
    this.sleepers = new Sleepers(this.kernel, plan, this.counts, listener)
    this.ownership = new OwnershipWatch(this.service, this.lives, (it) => listener.violation(it))
    this.parents = new Parents(this.kernel, plan, this.counts, this.lives)
    this.operator = this.service.connect({ alive: true, paused: false, defer: () => undefined })
  }

  /** Starts the nodes. */
  start(): void {
    for (let i = 0; i < this.plan.nodes; i++) this.launch(`node-${i}`)
  }

  /** Lets faults begin. */
  storm(): void {
    const { plan, random } = this
    const { faults } = plan
    this.stormy = true
    Object.assign(this.weather, plan.weather)
    this.kernel.say('a storm begins')
    this.often(faults.kill, () => this.onOne((life) => this.kill(life)))
    this.often(faults.pause, () => this.onOne((life) => this.pause(life)))
    this.often(faults.cut, () => this.onOne((life) => this.cut(life)))
    this.often(faults.cutAll, () => this.cutAll())
    this.often(faults.election, () => this.election())
    this.often(faults.clockJump, () =>
      this.onOne(({ process }) => {
        // Who joins with such a clock is refused (M3), and comes again; who lives when it jumps knows.
        const far = random.chance(0.3) ? 7_200_000 : 30_000
        process.shiftClock(random.between(-far, far), 'clock_jump')
      }),
    )
    this.often(faults.leave, () => this.onOne((life) => this.leave(life, true)))
    this.often(faults.resize, () => this.resize())
    this.often(faults.move, () => this.move())
    this.often(faults.drain, () => this.drain())
    this.often(faults.snapshot, () =>
      this.onOne(({ node }) => {
        if (node === undefined) return
        this.counts.add('snapshot')
        void node.snapshot()
      }),
    )
    this.rareFaults()
    damageSnapshots(this.service, plan, random, (sentence) => {
      if (!this.stormy) return false
      this.counts.add('snapshot_damaged')
      this.kernel.say(sentence)
      return true
    })
  }

  private rareFaults(): void {
    const { rare } = this.plan
    this.often(rare.slowJournal, () => this.slowJournal())
    this.often(rare.leaveAll, () => {
      this.counts.add('leave_all')
      for (const life of [...this.lives]) this.leave(life, true)
    })
    this.often(rare.worstMoment, () => this.worstMoment())
    this.often(rare.cutApart, () => this.onOne((life) => this.cutApart(life)))
    this.often(rare.sleeper, () => this.sleepers.arm())
    this.often(rare.snapshotAll, () => this.lives.forEach(({ node }) => void node?.snapshot()))
  }

  /** Nodes that clients may ask: also those that do not know what they have lost. */
  reachable(): NodeLife[] {
    return this.lives.filter((life) => life.open && life.process.alive)
  }

  /** True when all that was to start serves, and every shard has an owner who serves it. */
  settled(): boolean {
    if (this.awaited > 0 || this.lives.length === 0) return false
    if (!this.lives.every(({ open, node }) => open && node?.ready === true)) return false
    const served = this.lives.reduce((sum, { node }) => sum + (node?.shards.length ?? 0), 0)
    return served === this.plan.shards
  }

  /** Ends all faults: from now on everything must converge. */
  heal(): void {
    this.stormy = false
    calm(this.weather)
    this.service.endElection()
    this.service.unheard.clear()
    for (const { process } of this.lives) {
      this.service.mend(process)
      process.setClock()
      if (process.paused) process.resume()
    }
    this.undrainAll()
    this.kernel.say('all faults end')
  }

  private often(mean: number, strike: () => void): void {
    if (mean === Infinity) return
    this.kernel.after(this.random.exponential(mean), () => {
      if (!this.stormy) return
      strike()
      this.often(mean, strike)
    })
  }

  private onOne(strike: (life: NodeLife) => void): void {
    const able = this.lives.filter(({ process }) => !process.paused)
    if (able.length > 0) strike(this.random.pick(able))
  }

  private launch(name: string): void {
    const { plan, random, kernel, listener } = this
    const pid = ++this.lastPid
    const process = new SimulatedProcess(
      kernel,
      undefined,
      this.counts,
      new Random(plan.seed, `process ${pid}`),
      pid,
      () => 'running',
    )
    process.pace = 1 + random.between(-plan.clockDrift, plan.clockDrift)
    if (this.stormy && plan.clockSkewMs > 0) {
      process.shiftClock(random.between(-plan.clockSkewMs, plan.clockSkewMs), 'clock_skew')
    }
    const life: NodeLife = new NodeLife(name, process, this.service, this.options, {
      report: (event, detail) => {
        const text = JSON.stringify(detail, (_, value: unknown) =>
          value instanceof Error ? String(value) : value,
        )
        kernel.say(`${name} (${pid}) reports ${event} ${text}`)
        listener.sometimes(`reported ${event}`)
      },
      appends: (stream, bytes) => {
        this.ownership.appends(life, stream, bytes)
        if (this.stormy) this.sleepers.appends(life, stream, bytes)
      },
      failed: (error) => {
        this.failed(life, error)
      },
    })
    this.lives.push(life)
    kernel.say(`${name} starts as process ${pid}`)
    void life.start()
  }

  private launchLater(name: string): void {
    this.awaited++
    this.kernel.after(this.random.exponential(this.plan.lease.leaseMs / 2), () => {
      this.awaited--
      this.launch(name)
    })
  }

  private failed(life: NodeLife, error: unknown): void {
    if (!this.lives.includes(life)) return
    this.kernel.say(`${life.name} fails: ${String(error)}`)
    const refusedBoot = error instanceof NatsUnreachable && life.node === undefined
    const clockOff = error instanceof OpenRefused && error.code === 'clock_off'
    if (clockOff) this.listener.sometimes('a node with a clock far off was refused')
    if (!refusedBoot && !clockOff) {
      this.listener.violation(
        `a node failed: ${error instanceof Error ? (error.stack ?? '') : String(error)}`,
      )
    }
    this.remove(life)
    this.launchLater(life.name)
  }

  private kill(life: NodeLife): void {
    this.counts.add('kill')
    this.kernel.say(`${life.name} is killed`)
    this.remove(life)
    this.parents.saw(life)
    this.launchLater(life.name)
  }

  private remove(life: NodeLife): void {
    life.process.kill()
    const at = this.lives.indexOf(life)
    if (at < 0) return
    this.lives.splice(at, 1)
    this.listener.gone(life)
  }

  private pause(life: NodeLife): void {
    const { process, name } = life
    const { leaseMs } = this.plan.lease
    const ms = this.random.exponential(leaseMs * 1.2)
    this.kernel.say(`${name} is paused`)
    process.pause()
    this.kernel.after(ms, () => {
      if (!process.alive || !process.paused) return
      if (ms > leaseMs && (life.node?.shards.length ?? 0) > 0) this.counts.add('zombie')
      this.kernel.say(`${name} goes on`)
      process.resume()
    })
  }

  private cut(life: NodeLife): void {
    const direction = this.random.pick<CutDirection>(['both', 'both', 'in', 'out'])
    this.counts.add(`cut_${direction}`)
    this.kernel.say(`${life.name} is cut off: ${direction}`)
    this.service.cut(life.process, direction)
    this.forAWhile(() => {
      this.service.mend(life.process)
    })
  }

  /** What it hears of its journals then, it hears without having heard of the cluster. */
  private cutApart({ process, name }: NodeLife): void {
    const { kernel, plan, random, service } = this
    const { leaseMs } = plan.lease
    this.counts.add('cut_apart')
    kernel.say(`${name} is cut off: connections apart`)
    service.cut(process, random.pick<CutDirection>(['in', 'out', 'both']), connections.journals)
    service.cut(process, 'both', connections.control)
    kernel.after(leaseMs * random.between(0.8, 2.5), () => {
      service.mend(process, connections.journals)
      this.forAWhile(() => {
        service.mend(process, connections.control)
      })
    })
  }

  private cutAll(): void {
    this.counts.add('cut_all')
    const lives = [...this.lives]
    for (const { process } of lives) this.service.cut(process)
    this.forAWhile(() => {
      for (const { process } of lives) this.service.mend(process)
    })
  }

  private election(): void {
    this.counts.add('election')
    this.service.startElection()
    this.forAWhile(() => {
      this.service.endElection()
    })
  }

  /** What waits for a frame then waits on a journal that will be lost. */
  private worstMoment(): void {
    const { kernel, plan, random, service } = this
    const shard = random.whole(0, plan.shards - 1)
    const owner = this.lives.find(({ node }) => node?.serves(shard) === true)
    const other = this.lives.find((life) => life !== owner)
    if (owner === undefined || other === undefined) return
    this.counts.add('worst_moment')
    const stream = `SHARD_${clusterName}_${shard}`
    service.unheard.add(stream)
    this.forAWhile(() => service.unheard.delete(stream))
    this.moveTo(shard, other.name)
    kernel.after(random.between(10, 60), () => void owner.node?.snapshot())
    kernel.after(random.between(50, 200), () => {
      if (owner.process.alive) this.cut(owner)
    })
  }

  private slowJournal(): void {
    const stream = `SHARD_${clusterName}_${this.random.whole(0, this.plan.shards - 1)}`
    this.counts.add('slow_journal')
    this.service.startElection(stream)
    this.forAWhile(() => {
      this.service.endElection(stream)
    })
  }

  private forAWhile(end: () => void): void {
    this.kernel.after(this.random.exponential(this.plan.lease.leaseMs), end)
  }

  /** @param comesBack whether its name starts anew */
  private leave(life: NodeLife, comesBack: boolean): void {
    if (life.leaving || life.node === undefined || this.lives.length < 2) return
    this.counts.add('leave')
    this.kernel.say(`${life.name} leaves`)
    life.leave().then(
      () => {
        if (!life.process.alive) return
        this.kernel.say(`${life.name} has left`)
        this.remove(life)
        if (comesBack) this.launchLater(life.name)
      },
      (error: unknown) => {
        if (life.process.alive) this.failed(life, error)
      },
    )
  }

  private resize(): void {
    const { plan } = this
    const extra = Array.from({ length: plan.nodesMax - plan.nodes }, (_, i) => `more-${i}`)
    const absent = extra.filter((name) => !this.lives.some((life) => life.name === name))
    const present = this.lives.filter(({ name }) => extra.includes(name))
    const [first] = present
    if (first !== undefined && (absent.length === 0 || this.random.chance(0.4))) {
      this.leave(first, false)
    } else if (absent.length > 0 && this.awaited === 0) {
      this.counts.add('join')
      this.launch(absent[0]!)
    }
  }

  private move(): void {
    const { plan, random } = this
    if (this.lives.length === 0) return
    this.counts.add('move')
    const shard = random.whole(0, plan.shards - 1)
    this.moveTo(shard, random.pick(this.lives).name)
  }

  /** Every node may take shards. */
  undrainAll(): void {
    for (const { node } of this.lives) {
      if (node !== undefined)
        this.ask({ type: 'undrain', by: 'simulation', node: node.membership.id })
    }
  }

  /** An operator asks for it. */
  moveTo(shard: number, to: string): void {
    this.ask({ type: 'move', by: 'simulation', shard, to })
  }

  private drain(): void {
    if (this.lives.length < 2) return
    const node = this.random.pick(this.lives).node?.membership.id
    if (node === undefined || node === '') return
    this.counts.add('drain')
    this.ask({ type: 'drain', by: 'simulation', node })
    this.forAWhile(() => {
      this.ask({ type: 'undrain', by: 'simulation', node })
    })
  }

  private ask(request: ControlRequest): void {
    this.operator.bus.publish(controlSubject(clusterName), encodeRequest(request))
  }
}
