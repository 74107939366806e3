/**
 * The world of one run: a machine with a disk, the processes that own the data folder one after the
 * other or at the same time, and the faults that befall them.
 */
import { Fault, OpenRefused } from '../errors.js'
import type { Env, ProcessIdentity } from '../env/env.js'
import type { JournalFolder } from '../journal/file/index.js'
import { DiskImage } from './disk-image.js'
import { FaultCounts } from './faults.js'
import type { History } from './history.js'
import { Kernel } from './kernel.js'
import type { Network } from './network.js'
import { SimulatedNode, type NodeOptions } from './node.js'
import { SimulatedProcess } from './process.js'
import { Random } from './random.js'
import type { Machine } from './simulated-disk.js'
import type { Plan } from './swarm.js'

export const dataDir = '/data'

/** What the world tells its run. */
export interface WorldListener {
  violation(sentence: string): void
  sometimes(name: string): void
  /** A folder was opened and its history confirmed. */
  opened(folder: JournalFolder): void
  /** A node is gone for good. */
  gone(node: SimulatedNode): void
  /** Power is about to be lost. */
  beforePowerLoss(): Promise<void>
}

/** Share of openings at which states are rebuilt from snapshots and tail, and compared: it is dear. */
const rebuildShare = 0.4

/** What a failing disk is reported as; ENOENT: a slow opener whose files its successor has removed. */
const diskErrors = new Set(['journal_failed', 'EIO', 'ENOSPC', 'ENOENT'])

export class World {
  readonly kernel = new Kernel()
  readonly counts = new FaultCounts()
  readonly machine: Machine
  readonly nodes: SimulatedNode[] = []
  /** True while faults happen. */
  stormy = true
  private readonly plan: Plan
  private readonly options: Omit<NodeOptions, 'takeOver'>
  private readonly network: Network
  private readonly history: History
  private readonly listener: WorldListener
  private readonly random: Random
  private readonly judging: Random
  private readonly processes = new Map<number, SimulatedProcess>()
  private readonly openings = new Set<SimulatedNode>()
  private nextPid = 1

  constructor(
    plan: Plan,
    options: Omit<NodeOptions, 'takeOver'>,
    history: History,
    listener: WorldListener,
  ) {
    this.plan = plan
    this.options = options
    this.history = history
    this.listener = listener
    this.random = new Random(plan.seed, 'faults')
    this.judging = new Random(plan.seed, 'judging')
    this.machine = {
      image: new DiskImage(),
      weather: {
        latencyMs: plan.diskLatencyMs,
        slowness: 1,
        full: false,
        syncErrors: 'none',
        shortWrites: plan.shortWrites,
      },
      counts: this.counts,
      random: new Random(plan.seed, 'disk'),
      onWrite: (path, bytes, content) => {
        history.wrote(path, bytes, content)
      },
      onSync: (content) => {
        history.synced(content)
      },
      onRename: (path, content) => {
        history.renamed(path, content)
      },
    }
    this.network = {
      kernel: this.kernel,
      counts: this.counts,
      random: new Random(plan.seed, 'network'),
      weather: {
        latencyMs: plan.networkLatencyMs,
        loss: plan.loss,
        duplicate: plan.duplicate,
        delay: plan.delay,
        reorder: plan.reorder,
        answerLoss: plan.answerLoss,
      },
    }
  }

  start(): void {
    this.watch()
    const { faults } = this.plan
    this.often(faults.kill, () => {
      this.onOne((node) => {
        this.kill(node)
      })
    })
    this.often(faults.powerLoss, () => {
      void this.losePower()
    })
    this.often(faults.pause, () => {
      this.onOne((node) => {
        this.pause(node)
      })
    })
    this.often(faults.takeOver, () => {
      this.launch(true)
    })
    this.often(faults.clockJump, () => {
      this.onOne((node) => {
        this.jumpClock(node)
      })
    })
    this.often(faults.partition, () => {
      this.onOne((node) => {
        this.partition(node)
      })
    })
    this.often(faults.cleanRestart, () => {
      this.onOne((node) => {
        this.closeCleanly(node)
      })
    })
    this.diskTroubles()
  }

  /** Nodes a client may reach: also those that do not know that they were succeeded. */
  reachable(): SimulatedNode[] {
    return this.nodes.filter((node) => node.serving && node.process.alive)
  }

  /** The one node that serves, when all is calm. */
  get sole(): SimulatedNode | undefined {
    const calm = this.nodes.length === 1 && this.openings.size === 0
    return calm && this.nodes[0]!.serving ? this.nodes[0] : undefined
  }

  /** Ends all faults: from now on everything must converge. */
  heal(): void {
    this.stormy = false
    const { weather } = this.network
    weather.loss = weather.duplicate = weather.delay = weather.reorder = weather.answerLoss = 0
    const disk = this.machine.weather
    disk.full = false
    disk.slowness = 1
    disk.syncErrors = 'none'
    disk.shortWrites = 0
    for (const node of this.nodes) {
      for (const pair of node.pairs) pair.cut('both', undefined)
      node.process.skewMs = 0
      if (node.process.paused) node.process.resume()
    }
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

  private onOne(strike: (node: SimulatedNode) => void): void {
    const nodes = this.nodes.filter(({ process }) => !process.paused)
    if (nodes.length > 0) strike(this.random.pick(nodes))
  }

  /** Starts an owner whenever nobody serves, as a supervisor would. */
  private watch(): void {
    this.kernel.after(20, () => {
      const able = this.nodes.some((node) => node.serving && !node.process.paused)
      const opening = [...this.openings].some(({ process }) => !process.paused)
      if (!able && !opening) this.launch(false)
      this.watch()
    })
  }

  private launch(takeOver: boolean): void {
    const pid = this.nextPid++
    const others = this.nodes.length
    const process = new SimulatedProcess(
      this.kernel,
      this.machine,
      new Random(this.plan.seed, `process ${pid}`),
      pid,
      (identity) => this.fateOf(identity),
    )
    this.processes.set(pid, process)
    const { clockSkewMs } = this.plan.faults
    if (this.stormy && clockSkewMs > 0) {
      process.skewMs = this.random.between(-clockSkewMs, clockSkewMs)
      this.counts.add('clock_skew')
    }
    const node: SimulatedNode = new SimulatedNode(
      process,
      { ...this.options, takeOver },
      this.network,
      {
        opened: async (folder) => {
          if (takeOver && others > 0 && this.nodes.some((one) => one !== node && one.serving)) {
            this.counts.add('take_over')
          }
          const rebuild = this.judging.chance(rebuildShare)
          await this.history.confirm(this.machine.image, this.kernel.now, folder.plan, rebuild)
          this.listener.opened(folder)
        },
        peerBatch: (bytes) => {
          this.history.sawBatch(bytes)
        },
        answers: () => undefined,
        report: (event) => {
          this.kernel.say(`process ${pid} reports ${event}`)
          this.listener.sometimes(`reported ${event}`)
        },
        failed: (error) => {
          this.failed(node, pid, error)
        },
      },
    )
    this.nodes.push(node)
    this.openings.add(node)
    this.kernel.say(`process ${pid} opens the folder${takeOver ? ', taking over' : ''}`)
    if (this.stormy && this.random.chance(this.plan.faults.crashInRecovery)) this.crashOpening(node)
    node.start().then(
      () => {
        this.openings.delete(node)
        this.kernel.say(`process ${pid} serves`)
      },
      (error: unknown) => {
        this.openFailed(node, pid, error)
      },
    )
  }

  private crashOpening(node: SimulatedNode): void {
    this.kernel.after(this.random.between(0, 80) * this.plan.diskLatencyMs, () => {
      if (!this.openings.has(node)) return
      this.counts.add('crash_in_recovery')
      if (this.random.chance(0.5)) this.kill(node)
      else void this.losePower()
    })
  }

  private openFailed(node: SimulatedNode, pid: number, error: unknown): void {
    this.kernel.say(`process ${pid} does not open: ${String(error)}`)
    const expected =
      (error instanceof OpenRefused && error.code === 'data_dir_in_use') ||
      (error instanceof Fault && error.code === 'fenced') ||
      diskErrors.has((error as { code?: string }).code ?? '')
    if (!expected) this.listener.violation(`the folder does not open: ${String(error)}`)
    this.remove(node)
  }

  private failed(node: SimulatedNode, pid: number, error: Error): void {
    this.kernel.say(`process ${pid} stops: ${error.message}`)
    const code = (error as { code?: string }).code
    if (code === 'fenced') this.listener.sometimes('fenced owner')
    else if (diskErrors.has(code ?? '')) this.listener.sometimes('stopped on a disk error')
    else this.listener.violation(`a node stopped: ${error.message}`)
    this.remove(node)
  }

  private kill(node: SimulatedNode): void {
    this.counts.add('kill')
    this.kernel.say(`process ${node.process.env.processes.self.pid} is killed`)
    this.remove(node)
  }

  private remove(node: SimulatedNode): void {
    node.process.kill()
    this.openings.delete(node)
    const at = this.nodes.indexOf(node)
    if (at < 0) return
    this.nodes.splice(at, 1)
    this.listener.gone(node)
  }

  private async losePower(): Promise<void> {
    this.counts.add('power_loss')
    this.kernel.say('power is lost')
    for (const node of [...this.nodes]) this.remove(node)
    await this.listener.beforePowerLoss()
    this.machine.image.losePower(this.machine.random)
    this.history.lostPower()
  }

  private pause(node: SimulatedNode): void {
    const { process } = node
    this.kernel.say(`process ${process.env.processes.self.pid} is paused`)
    process.pause()
    this.kernel.after(this.random.exponential(500), () => {
      if (!process.alive || !process.paused) return
      this.counts.add('pause')
      this.kernel.say(`process ${process.env.processes.self.pid} goes on`)
      process.resume()
    })
  }

  private jumpClock(node: SimulatedNode): void {
    const far = this.random.chance(0.3) ? 7_200_000 : 30_000
    node.process.skewMs += this.random.between(-far, far)
    this.counts.add('clock_jump')
  }

  private partition(node: SimulatedNode): void {
    if (node.pairs.length === 0) return
    const pair = this.random.pick(node.pairs)
    const oneWay = this.random.chance(0.5)
    const direction = oneWay ? this.random.pick([0, 1] as const) : 'both'
    pair.cut(direction, oneWay ? 'partition_one_way' : 'partition_two_way')
    this.kernel.after(this.random.exponential(400), () => {
      pair.cut(direction, undefined)
    })
  }

  private closeCleanly(node: SimulatedNode): void {
    if (!node.serving) return
    node.serving = false
    node.close().then(
      () => {
        this.kernel.say('closed cleanly')
        this.listener.sometimes('closed cleanly')
        this.remove(node)
      },
      (error: unknown) => {
        if (node.process.alive) this.failed(node, -1, error as Error)
      },
    )
  }

  private diskTroubles(): void {
    const { faults } = this.plan
    const { weather } = this.machine
    const forAWhile = (begin: () => void, end: () => void): void => {
      begin()
      this.kernel.after(this.random.exponential(200), end)
    }
    this.often(faults.slowDisk, () => {
      forAWhile(
        () => (weather.slowness = this.random.between(5, 50)),
        () => (weather.slowness = 1),
      )
    })
    this.often(faults.diskFull, () => {
      forAWhile(
        () => (weather.full = true),
        () => (weather.full = false),
      )
    })
    this.often(faults.syncError, () => {
      if (this.random.chance(0.5)) weather.syncErrors = 'once'
      else {
        forAWhile(
          () => (weather.syncErrors = 'for_ever'),
          () => (weather.syncErrors = 'none'),
        )
      }
    })
  }

  private fateOf({ pid }: ProcessIdentity): ReturnType<Env['processes']['fate']> {
    const process = this.processes.get(pid)
    if (process?.alive !== true) return 'gone'
    return process.paused ? 'paused' : 'running'
  }
}
