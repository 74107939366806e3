/**
 * The faults of a run, as its plan has them: what befalls processes, clocks, links and the disk, and
 * when. The world carries them out.
 */
import type { FaultKind } from './faults.js'
import type { Kernel, Owner } from './kernel.js'
import type { SimulatedNode } from './node.js'
import type { Random } from './random.js'
import type { DiskWeather } from './simulated-disk.js'
import type { Plan } from './swarm.js'

/** What a storm can do to a world. */
export interface StormWorld {
  readonly kernel: Kernel
  readonly nodes: readonly SimulatedNode[]
  readonly disk: DiskWeather
  kill(node: SimulatedNode): void
  losePower(): void
  /** A second owner opens the folder. */
  takeOver(): void
  closeCleanly(node: SimulatedNode): void
}

export class Storm {
  /** False when it is over: nothing strikes any more. */
  raging = true
  private readonly plan: Plan
  private readonly world: StormWorld
  private readonly random: Random

  constructor(plan: Plan, world: StormWorld, random: Random) {
    this.plan = plan
    this.world = world
    this.random = random
  }

  begin(): void {
    const { world } = this
    const { faults } = this.plan
    this.oftenOne(faults.kill, (node) => {
      world.kill(node)
    })
    this.often(faults.powerLoss, () => {
      world.losePower()
    })
    this.oftenOne(faults.pause, (node) => {
      this.pause(node)
    })
    this.often(faults.takeOver, () => {
      world.takeOver()
    })
    this.oftenOne(faults.clockJump, (node) => {
      // Who begins with a clock that is hours ahead can't know; who lives when it jumps can.
      const far = node.serving && this.random.chance(0.3) ? 7_200_000 : 30_000
      node.process.shiftClock(this.random.between(-far, far), 'clock_jump')
    })
    this.oftenOne(faults.partition, (node) => {
      this.partition(node)
    })
    this.oftenOne(faults.cleanRestart, (node) => {
      world.closeCleanly(node)
    })
    this.diskTroubles()
  }

  /** Frames are being written, or are written and not synced: a crash just now tells most. */
  danger(moment: 'writing' | 'written', owner: Owner): void {
    const { killAtWrite, powerLossAtWrite } = this.plan
    const { kernel, nodes } = this.world
    if (!this.raging) return
    if (!this.random.chance(moment === 'writing' ? killAtWrite : powerLossAtWrite)) return
    kernel.after(0, () => {
      const node = nodes.find(({ process }) => process === owner)
      if (!this.raging || node === undefined) return
      if (moment === 'writing') this.world.kill(node)
      else this.world.losePower()
    })
  }

  /** A process opens the folder: it may be crashed before it is done. */
  opening(node: SimulatedNode, struck: () => void): void {
    const { kernel } = this.world
    if (!this.raging || !this.random.chance(this.plan.faults.crashInRecovery)) return
    kernel.after(this.random.between(0, 80) * this.plan.diskLatencyMs, () => {
      if (this.raging) struck()
    })
  }

  /** The clock a process begins with. */
  setClock(node: SimulatedNode): void {
    const { clockSkewMs } = this.plan.faults
    if (!this.raging || clockSkewMs === 0) return
    node.process.shiftClock(this.random.between(-clockSkewMs, clockSkewMs), 'clock_skew')
  }

  private often(mean: number, strike: () => void): void {
    if (mean === Infinity) return
    this.world.kernel.after(this.random.exponential(mean), () => {
      if (!this.raging) return
      strike()
      this.often(mean, strike)
    })
  }

  private oftenOne(mean: number, strike: (node: SimulatedNode) => void): void {
    this.often(mean, () => {
      const nodes = this.world.nodes.filter(({ process }) => !process.paused)
      if (nodes.length > 0) strike(this.random.pick(nodes))
    })
  }

  private pause({ process }: SimulatedNode): void {
    const { kernel } = this.world
    kernel.say(`process ${process.env.processes.self.pid} is paused`)
    process.pause()
    kernel.after(this.random.exponential(500), () => {
      if (!process.alive || !process.paused) return
      kernel.say(`process ${process.env.processes.self.pid} goes on`)
      process.resume()
    })
  }

  private partition({ pairs }: SimulatedNode): void {
    if (pairs.length === 0) return
    const pair = this.random.pick(pairs)
    const oneWay = this.random.chance(0.5)
    const direction = oneWay ? this.random.pick([0, 1] as const) : 'both'
    const kind: FaultKind = oneWay ? 'partition_one_way' : 'partition_two_way'
    pair.cut(direction, kind)
    this.world.kernel.after(this.random.exponential(400), () => {
      pair.cut(direction, undefined)
    })
  }

  private diskTroubles(): void {
    const { faults } = this.plan
    const { disk, kernel } = this.world
    const forAWhile = (begin: () => void, end: () => void): void => {
      begin()
      kernel.after(this.random.exponential(200), end)
    }
    this.often(faults.slowDisk, () => {
      forAWhile(
        () => (disk.slowness = this.random.between(5, 50)),
        () => (disk.slowness = 1),
      )
    })
    this.often(faults.diskFull, () => {
      forAWhile(
        () => (disk.full = true),
        () => (disk.full = false),
      )
    })
    this.often(faults.syncError, () => {
      if (this.random.chance(0.5)) disk.syncErrors = 'once'
      else {
        forAWhile(
          () => (disk.syncErrors = 'for_ever'),
          () => (disk.syncErrors = 'none'),
        )
      }
    })
  }
}
