/** Simulated processes on a simulated NATS, for tests of what runs on it. */
import type { Nats } from '../../../../transport/index.js'
import { DiskImage } from '../../../simulation/disk-image.js'
import { FaultCounts } from '../../../simulation/faults.js'
import { Kernel } from '../../../simulation/kernel.js'
import { SimulatedNatsService } from '../../../simulation/nats/service.js'
import { fairWeather, type NatsFaultKind } from '../../../simulation/nats/weather.js'
import { SimulatedProcess } from '../../../simulation/process.js'
import { Random } from '../../../simulation/random.js'

/** A process and its connection. */
export interface ConnectedProcess {
  readonly process: SimulatedProcess
  readonly nats: Nats
}

export class SimulatedWorld {
  readonly kernel = new Kernel()
  readonly weather = fairWeather()
  readonly counts = new FaultCounts<NatsFaultKind>()
  readonly service: SimulatedNatsService
  readonly random: Random
  private readonly seed: number
  private pids = 0
  private pumping = false

  constructor(seed = 1) {
    this.seed = seed
    this.random = new Random(seed, 'test')
    this.service = new SimulatedNatsService({
      kernel: this.kernel,
      random: new Random(seed, 'nats'),
      weather: this.weather,
      counts: this.counts,
    })
  }

  process(): ConnectedProcess {
    const pid = ++this.pids
    const random = new Random(this.seed, `process ${pid}`)
    const machine = {
      image: new DiskImage(),
      weather: {
        latencyMs: 1,
        slowness: 1,
        full: false,
        syncErrors: 'none' as const,
        shortWrites: 0,
        syncFactor: 1,
      },
      counts: new FaultCounts(),
      random,
      onWrite: () => undefined,
      onRename: () => undefined,
      onSync: () => undefined,
      onDanger: () => undefined,
    }
    const process = new SimulatedProcess(
      ...([this.kernel, machine, machine.counts, random, pid] as const),
      () => 'unknown',
    )
    return { process, nats: this.service.connect(process) }
  }

  /** Runs the simulation until a promise is settled. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const end = (): void => {
      settled = true
    }
    promise.then(end, end)
    if (!(await this.kernel.run(() => settled))) throw new Error('nothing happens any more')
    return promise
  }

  /** Lets virtual time pass. */
  pass(ms: number): Promise<void> {
    return this.settle(this.kernel.wait(ms))
  }

  /** Runs the simulation whenever something is to happen, until {@link SimulatedWorld.stop}. */
  start(): void {
    this.pumping = true
    const pump = async (): Promise<void> => {
      while (this.pumping) {
        await this.kernel.run(() => !this.pumping)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    void pump()
  }

  stop(): void {
    this.pumping = false
  }
}
