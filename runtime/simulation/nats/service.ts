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
import { SimulatedNats, type CutDirection } from './connection.js'
import type { NatsFaultKind, NatsWeather } from './weather.js'

/** Every stream and every bucket, as what has no leader. */
const all = ''

/** What the connections of a run share. */
export interface NatsWorld {
  readonly kernel: Kernel
  /** Draws of NATS only. */
  readonly random: Random
  readonly weather: NatsWeather
  readonly counts: Pick<FaultCounts<NatsFaultKind>, 'add'>
}

export class SimulatedNatsService {
  readonly bus: SimulatedBus
  /** Streams and buckets whose writes are stored, and whose replies are lost. */
  readonly unheard = new Set<string>()
  /** What the servers say of themselves. */
  facts: NatsFacts = {
    serverVersion: '2.15.1',
    maxPayloadBytes: 1024 * 1024,
    servers: 3,
    syncAlways: true,
  }
  private readonly world: NatsWorld
  private readonly streams = new Map<string, KeptStream>()
  /** Streams that a process has made; whoever judges may look at others before. */
  private readonly made = new Set<string>()
  private readonly buckets = new Map<string, KeptBucket>()
  private readonly connections = new Map<Owner, SimulatedNats[]>()
  /** Streams and buckets without a leader; the bus goes on. */
  private readonly electing = new Set<string>()
  /** Appends that come to light when there is a leader again. */
  private proposed: { readonly of: string; readonly apply: () => void }[] = []

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

  /** Takes the leader of a stream or bucket away, by default those of all. */
  startElection(of = all): void {
    if (this.electing.has(of)) return
    this.electing.add(of)
    this.world.kernel.say(`nats: no leader${of}`)
  }

  /** There is a leader again: of one, or of all that have none. */
  endElection(of = all): void {
    const ended = of === all ? [...this.electing] : [of].filter((one) => this.electing.has(one))
    for (const one of ended) {
      this.electing.delete(one)
      this.world.kernel.say(`nats: a leader${one}`)
    }
    const due = this.proposed.filter((proposal) => this.leads(proposal.of))
    this.proposed = this.proposed.filter((proposal) => !this.leads(proposal.of))
    for (const { apply } of due) apply()
  }

  /** Whether a stream or bucket has a leader. */
  leads(of: string): boolean {
    return !this.electing.has(all) && !this.electing.has(of)
  }

  /** Whether an append that meets no leader comes to light later is chance. */
  propose(of: string, apply: () => void): void {
    this.world.counts.add('nats_election')
    if (!this.world.random.chance(0.5)) return
    this.world.counts.add('nats_election_applied')
    this.proposed.push({ of, apply })
  }

  /**
   * Cuts a process off, one way or both; it notices after a while.
   * @param only one of its connections, by the order they were made in
   */
  cut(process: Owner, direction: CutDirection = 'both', only?: number): void {
    for (const nats of this.connectionsOf(process, only)) nats.cutOff(direction)
  }

  /** Mends what was cut; the process is back after a while. @param only as {@link cut} */
  mend(process: Owner, only?: number): void {
    for (const nats of this.connectionsOf(process, only)) nats.mend()
  }

  private connectionsOf(process: Owner, only?: number): readonly SimulatedNats[] {
    const all = this.connections.get(process) ?? []
    return only === undefined ? all : all.slice(only, only + 1)
  }

  /** Opens a stream, which is made when it is missing and copies are asked for. @returns whether it is there */
  open(name: string, replicas: number): boolean {
    if (replicas > 0) {
      this.stream(name)
      this.made.add(name)
    }
    return this.streams.has(name)
  }

  /** Names of the streams that begin so. */
  streamNames(prefix: string): readonly string[] {
    const last = (name: string): boolean => !name.slice(prefix.length).includes('_')
    return [...this.made].filter((name) => name.startsWith(prefix) && last(name))
  }

  /** The same for a bucket. */
  openBucket(name: string, replicas: number): boolean {
    if (replicas > 0) this.bucket(name)
    return this.buckets.has(name)
  }

  /** Somebody removes a stream. */
  remove(name: string): void {
    this.streams.delete(name)
    this.made.delete(name)
  }

  removeBucket(name: string): void {
    this.buckets.delete(name)
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
