/**
 * The world of one run: a machine with a disk, the processes that own the data folder one after the
 * other or at the same time, and the faults that befall them.
 */
import { Fault, OpenRefused } from '../errors.js'
import type { Env, ProcessIdentity } from '../env/env.js'
import type { JournalFolder } from '../journal/file/index.js'
import { epochPaths } from '../journal/file/names.js'
import { DiskImage } from './disk-image.js'
import { CrashEvidence } from './evidence.js'
import { FaultCounts, type FaultKind } from './faults.js'
import type { History } from './history.js'
import { Kernel } from './kernel.js'
import type { Network } from './network.js'
import { SimulatedNode, type NodeOptions } from './node.js'
import { SimulatedProcess } from './process.js'
import { Random } from './random.js'
import type { Machine } from './simulated-disk.js'
import { Storm, type StormWorld } from './storm.js'
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
  /** A backup was made; it is removed when it was judged. */
  backedUp(target: string, ordinals: readonly number[]): Promise<void>
  /** Power is about to be lost. */
  beforePowerLoss(): Promise<void>
}

/** Share of openings at which states are rebuilt from snapshots and tail, and compared: it is dear. */
const rebuildShare = 0.4

/** What a failing disk is reported as; ENOENT: a slow opener whose files its successor has removed. */
const diskErrors = new Set(['journal_failed', 'EIO', 'ENOSPC', 'ENOENT'])

/** What a backup may end with. */
const backupCodes = new Set([
  'backup_running',
  'backup_no_space',
  'backup_stalled',
  'closed',
  'fenced',
  'journal_failed',
])
/** What of them a backup may fail on while its node is the owner: nothing that it copies goes. */
const diskFailures = new Set(['EIO', 'ENOSPC'])

export class World {
  readonly kernel = new Kernel()
  readonly counts = new FaultCounts()
  readonly machine: Machine
  readonly nodes: SimulatedNode[] = []
  private readonly plan: Plan
  private readonly options: Omit<NodeOptions, 'takeOver'>
  private readonly network: Network
  private readonly history: History
  private readonly listener: WorldListener
  private readonly random: Random
  private readonly storm: Storm
  private readonly evidence: CrashEvidence
  private readonly judging: Random
  private readonly processes = new Map<number, SimulatedProcess>()
  private readonly openings = new Set<SimulatedNode>()
  private nextPid = 1
  private nextBackup = 1
  private readonly backedUpNow = new Set<SimulatedNode>()
  private readonly backingUp: Random

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
    this.backingUp = new Random(plan.seed, 'backing up')
    this.machine = {
      image: new DiskImage(),
      weather: {
        latencyMs: plan.diskLatencyMs,
        slowness: 1,
        full: false,
        syncErrors: 'none',
        syncFactor: plan.syncFactor,
        shortWrites: plan.shortWrites,
      },
      counts: this.counts,
      random: new Random(plan.seed, 'disk'),
      onWrite: (path, bytes, content) => {
        if (path.startsWith(`${dataDir}/`)) history.wrote(path, bytes, content)
      },
      onSync: (content) => {
        history.synced(content)
      },
      onDanger: (moment, owner) => {
        this.storm.danger(moment, owner)
      },
      onRename: (path, content) => {
        history.renamed(path, content)
      },
    }
    this.evidence = new CrashEvidence(this.counts)
    this.storm = new Storm(plan, this.stormWorld(), this.random)
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
    this.storm.begin()
    this.oftenBackUp()
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
    this.storm.raging = false
    const { weather } = this.network
    weather.loss = weather.duplicate = weather.delay = weather.reorder = weather.answerLoss = 0
    const disk = this.machine.weather
    disk.full = false
    disk.slowness = 1
    disk.syncErrors = 'none'
    disk.shortWrites = 0
    for (const node of this.nodes) {
      for (const pair of node.pairs) pair.cut('both', undefined)
      node.process.setClock()
      if (node.process.paused) node.process.resume()
    }
    this.kernel.say('all faults end')
  }

  private stormWorld(): StormWorld {
    return {
      kernel: this.kernel,
      nodes: this.nodes,
      disk: this.machine.weather,
      kill: (node) => {
        this.kill(node, 'kill')
      },
      losePower: () => {
        void this.losePower('power_loss')
      },
      takeOver: () => {
        this.launch(true)
      },
      closeCleanly: (node) => {
        this.closeCleanly(node)
      },
    }
  }

  /** Backs up whoever serves, now and then, as long as the storm lasts. */
  private oftenBackUp(): void {
    if (this.plan.backupMs === Infinity) return
    this.kernel.after(this.backingUp.exponential(this.plan.backupMs), () => {
      if (!this.storm.raging) return
      const able = this.reachable().filter(
        (node) => !node.process.paused && !this.backedUpNow.has(node),
      )
      if (able.length > 0) void this.backUp(this.backingUp.pick(able))
      this.oftenBackUp()
    })
  }

  private async backUp(node: SimulatedNode): Promise<void> {
    this.backedUpNow.add(node)
    const target = `/backup-${this.nextBackup++}`
    const { image } = this.machine
    try {
      const ordinals = (await node.status()).map(({ ordinal }) => ordinal)
      await node.backup(target)
      this.kernel.say(`${target} is made`)
      this.listener.sometimes('backup made')
      await this.listener.backedUp(target, ordinals)
      image.removeTree(target)
    } catch (error) {
      this.kernel.say(`${target} is not made: ${String(error)}`)
      const { code = '', cause } = error as { code?: string; cause?: { code?: string } }
      this.listener.sometimes(`backup ${code}`)
      const expected =
        code === 'backup_failed' ? diskFailures.has(cause?.code ?? '') : backupCodes.has(code)
      const succeeded = image.has(epochPaths.owner(dataDir, node.folder.epoch + 1))
      if (!expected && !succeeded && node.process.alive)
        this.listener.violation(`backups: one fails: ${String(error)}`)
    } finally {
      this.backedUpNow.delete(node)
    }
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
      this.machine.counts,
      new Random(this.plan.seed, `process ${pid}`),
      pid,
      (identity) => this.fateOf(identity),
    )
    this.processes.set(pid, process)
    const node: SimulatedNode = new SimulatedNode(
      process,
      { ...this.options, takeOver },
      this.network,
      {
        opened: async (folder) => {
          if (takeOver && others > 0 && this.nodes.some((one) => one !== node && one.serving)) {
            this.counts.add('take_over')
          }
          this.evidence.opened(folder.epoch, folder.report.clean)
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
    this.storm.setClock(node)
    this.storm.opening(node, () => {
      this.crashOpening(node)
    })
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
    if (!this.openings.has(node)) return
    if (this.random.chance(0.5)) this.kill(node, 'crash_in_recovery')
    else void this.losePower('crash_in_recovery')
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

  private kill(node: SimulatedNode, kind: FaultKind): void {
    this.kernel.say(`process ${node.process.env.processes.self.pid} is killed`)
    this.evidence.struck(kind, this.openings.has(node) ? 'opener' : 'owner')
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

  private async losePower(kind: FaultKind): Promise<void> {
    this.kernel.say('power is lost')
    if (this.reachable().length > 0) this.evidence.struck(kind, 'owner')
    else if (this.openings.size > 0) this.evidence.struck(kind, 'opener')
    for (const node of [...this.nodes]) this.remove(node)
    await this.listener.beforePowerLoss()
    this.machine.image.losePower(this.machine.random)
    this.history.lostPower()
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

  private fateOf({ pid }: ProcessIdentity): ReturnType<Env['processes']['fate']> {
    const process = this.processes.get(pid)
    if (process?.alive !== true) return 'gone'
    return process.paused ? 'paused' : 'running'
  }
}
