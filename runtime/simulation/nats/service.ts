/**
 * The servers of a simulated NATS: what they keep, who is connected, and what is wrong with them.
 * They outlive every simulated process; a process sees them through its own connection only.
 *
 * Y2. What was sent arrives even when its sender has died meanwhile; replies and messages to a dead
 *     process are dropped, to a paused one deferred, by the kernel.
 * Y3. While a stream has no leader nothing can be read from it; what comes to light afterwards is
 *     there before the first read.
 */
import type { Nats, NatsFacts } from '../../../transport/index.js'
import type { FaultCounts } from '../faults.js'
import type { Kernel, Owner } from '../kernel.js'
import type { Random } from '../random.js'
import { KeptBucket, KeptStream } from './kept.js'
import { SimulatedBus } from './bus.js'
import { SimulatedNats } from './connection.js'
import type { NatsFaultKind, NatsWeather } from './weather.js'

/** What the connections of a run share. */
export interface NatsWorld {
  readonly kernel: Kernel
  /** Draws of NATS only. */
  readonly random: Random
  readonly weather: NatsWeather
  readonly counts: FaultCounts<NatsFaultKind>
}

export class SimulatedNatsService {
  readonly bus: SimulatedBus
  /** True while no stream and no bucket has a leader; the bus goes on. */
  electing = false
  /** What the servers say of themselves. */
  facts: NatsFacts = {
    serverVersion: '2.15.1',
    maxPayloadBytes: 1024 * 1024,
    servers: 3,
    syncAlways: true,
  }
  private readonly world: NatsWorld
  private readonly streams = new Map<string, KeptStream>()
  private readonly buckets = new Map<string, KeptBucket>()
  private readonly connections = new Map<Owner, SimulatedNats[]>()
  /** Appends that come to light when there is a leader again. */
  private proposed: (() => void)[] = []

  constructor(world: NatsWorld) {
    this.world = world
    this.bus = new SimulatedBus(world)
  }

  /** Connects a process. */
  connect(process: Owner): Nats {
    const nats = new SimulatedNats(this.world, this, process)
    this.connections.set(process, [...(this.connections.get(process) ?? []), nats])
    return nats
  }

  /** Takes the leaders away; each present one is followed by another after a while. */
  startElection(): void {
    if (this.electing) return
    this.electing = true
    this.world.kernel.say('nats: no leader')
  }

  endElection(): void {
    if (!this.electing) return
    this.electing = false
    this.world.kernel.say('nats: a leader')
    for (const apply of this.proposed.splice(0)) apply()
  }

  /** Whether an append that meets no leader comes to light later is chance. */
  propose(apply: () => void): void {
    this.world.counts.add('nats_election')
    if (!this.world.random.chance(0.5)) return
    this.world.counts.add('nats_election_applied')
    this.proposed.push(apply)
  }

  /** Cuts a process off; it notices after a while. */
  cut(process: Owner): void {
    for (const nats of this.connections.get(process) ?? []) nats.cutOff()
  }

  /** Mends what was cut; the process is back after a while. */
  mend(process: Owner): void {
    for (const nats of this.connections.get(process) ?? []) nats.mend()
  }

  /** A stream as the servers keep it, made when it is missing. */
  stream(name: string): KeptStream {
    return madeIn(this.streams, name, () => new KeptStream())
  }

  bucket(name: string): KeptBucket {
    return madeIn(this.buckets, name, () => new KeptBucket())
  }
}

function madeIn<T>(map: Map<string, T>, name: string, make: () => T): T {
  const found = map.get(name) ?? make()
  map.set(name, found)
  return found
}
