/**
 * One process's connection to a simulated NATS: every request takes time both ways, and may come to
 * nothing in all the ways a real one can.
 *
 * Y4. A request ends once: by its reply, by its time-out, or when the loss of the connection is noticed.
 * Y5. An append of a process that is cut off is `unknown`; some of them got through.
 */
import {
  NatsRefused,
  NatsUnreachable,
  type Bus,
  type KeyBucket,
  type Nats,
  type NatsFacts,
  type StreamLog,
  type StreamSettings,
} from '../../../transport/index.js'
import type { Owner } from '../kernel.js'
import type { BusListener } from './bus.js'
import { bucketOver, streamOver } from './remote.js'
import type { NatsWorld, SimulatedNatsService } from './service.js'
import type { Watcher } from './watcher.js'

/** How a request is seen by the servers. */
export interface RemoteCall<T> {
  readonly name: string
  /** What the servers do with it. */
  apply(): T
  /** True when it writes: then what becomes of it may be unknown. */
  readonly writes: boolean
  /** Stream or bucket whose leader it needs. */
  readonly of: string
}

/** Which way nothing gets through any more: to the process, from it, or neither way. */
export type CutDirection = 'in' | 'out' | 'both'

export class SimulatedNats implements Nats {
  connected = true
  readonly bus: Bus
  readonly watchers = new Set<Watcher>()
  readonly owner: Owner
  readonly world: NatsWorld
  readonly service: SimulatedNatsService
  private cut: CutDirection | undefined
  private closed = false
  private generation = 0
  private readonly listeners: ((connected: boolean) => void)[] = []
  private readonly inFlight = new Set<(reason: string) => void>()
  private readonly listening = new Set<BusListener>()

  constructor(world: NatsWorld, service: SimulatedNatsService, owner: Owner) {
    this.world = world
    this.service = service
    this.owner = owner
    this.bus = {
      payloadBytesMax: service.facts.maxPayloadBytes,
      publish: (subject, bytes) => this.publish(subject, bytes),
      subscribe: (subject, onMessage) => this.subscribe(subject, onMessage),
      request: (subject, bytes, timeoutMs) => this.request(subject, bytes, timeoutMs),
    }
  }

  /** False while nothing gets through from the servers. */
  get hears(): boolean {
    return this.cut !== 'both' && this.cut !== 'in' && !this.closed
  }

  /** False while nothing gets through to the servers. */
  get speaks(): boolean {
    return this.cut !== 'both' && this.cut !== 'out' && !this.closed
  }

  async stream(name: string, settings: StreamSettings): Promise<StreamLog> {
    const found = await this.call({
      name: `open ${name}`,
      apply: () => this.service.open(name, settings.replicas),
      writes: false,
      of: name,
    })
    if (!found) throw new NatsRefused('nats_missing', `NATS has no ${name}.`)
    return streamOver(this, name, this.replicas(settings))
  }

  async bucket(name: string, settings: StreamSettings): Promise<KeyBucket> {
    const found = await this.call({
      name: `open ${name}`,
      apply: () => this.service.openBucket(name, settings.replicas),
      writes: false,
      of: name,
    })
    if (!found) throw new NatsRefused('nats_missing', `NATS has no bucket ${name}.`)
    return bucketOver(this, name, this.replicas(settings))
  }

  streamNames(prefix: string): Promise<readonly string[]> {
    return this.call({
      name: `names ${prefix}`,
      apply: () => this.service.streamNames(prefix),
      writes: false,
      of: prefix,
    })
  }

  facts(): Promise<NatsFacts> {
    return Promise.resolve(this.service.facts)
  }

  onConnection(listener: (connected: boolean) => void): void {
    this.listeners.push(listener)
  }

  close(): Promise<void> {
    this.closed = true
    for (const listener of this.listening) this.service.bus.remove(listener)
    for (const watcher of [...this.watchers]) watcher.stop()
    this.abort('the connection was closed')
    return Promise.resolve()
  }

  /** Nothing gets through from now on; the process notices after a while. */
  cutOff(direction: CutDirection = 'both'): void {
    if (this.cut !== undefined) return
    this.cut = direction
    const generation = ++this.generation
    const { kernel, random, weather } = this.world
    kernel.after(
      random.exponential(weather.noticeMs),
      () => {
        if (this.generation === generation) this.turn(false)
      },
      this.owner,
    )
  }

  mend(): void {
    if (this.cut === undefined) return
    const generation = ++this.generation
    const { kernel, random, weather } = this.world
    kernel.after(
      random.exponential(weather.noticeMs),
      () => {
        if (this.generation !== generation) return
        this.cut = undefined
        this.turn(false)
        this.turn(true)
        for (const watcher of this.watchers) watcher.reconnected()
      },
      this.owner,
    )
  }

  /**
   * A request to the servers and its reply.
   * @throws NatsUnreachable when no reply comes: of a write nobody knows then what became of it
   */
  call<T>(request: RemoteCall<T>): Promise<T> {
    const { kernel, random, weather, counts } = this.world
    return new Promise<T>((resolve, reject) => {
      let ended = false
      const end = (settle: () => void): void => {
        if (ended) return
        ended = true
        timeout.cancel()
        this.inFlight.delete(fail)
        settle()
      }
      const fail = (reason: string): void =>
        end(() => reject(new NatsUnreachable(`NATS: ${request.name}: ${reason}.`)))
      const timeout = kernel.after(weather.timeoutMs, () => fail('no reply in time'), this.owner)
      this.inFlight.add(fail)
      const reply = (settle: () => void): void =>
        void kernel.after(
          random.exponential(weather.latencyMs),
          () => {
            if (this.hears) settle()
          },
          this.owner,
        )
      if (!this.leaves(request)) return
      const late = request.writes && random.chance(weather.lateAppend)
      if (late) counts.add('nats_late_append')
      const way = random.exponential(weather.latencyMs + (request.writes ? weather.syncMs : 0))
      kernel.after(late ? weather.timeoutMs + way * 100 : way, () => {
        this.serve(request, reply, (value) => end(() => resolve(value)), fail)
      })
    })
  }

  /** Whether a request gets to the servers. */
  private leaves(request: RemoteCall<unknown>): boolean {
    if (this.speaks) return true
    const { counts, random } = this.world
    counts.add('nats_cut')
    if (!request.writes || this.closed || this.cut === 'out' || !random.chance(0.5)) return false
    counts.add('nats_cut_applied')
    return true
  }

  private serve<T>(
    request: RemoteCall<T>,
    reply: (settle: () => void) => void,
    resolve: (value: T) => void,
    fail: (reason: string) => void,
  ): void {
    const { kernel, random, weather, counts } = this.world
    kernel.note(request.name)
    if (!this.service.leads(request.of)) {
      if (request.writes) this.service.propose(request.of, () => request.apply())
      else counts.add('nats_election')
      // Sometimes the servers say so, sometimes nobody answers.
      if (random.chance(0.5)) reply(() => fail('no responders'))
      return
    }
    const result = request.apply()
    const isLost = (): boolean =>
      this.service.unheard.has(request.of) || random.chance(weather.replyLoss)
    if (request.writes && isLost()) counts.add('nats_reply_lost')
    else reply(() => resolve(result))
  }

  private replicas(settings: StreamSettings): number {
    // What is only opened has as many as it was made with: here one on each server.
    const { servers } = this.service.facts
    return settings.replicas === 0 ? servers : Math.min(settings.replicas, servers)
  }

  private turn(connected: boolean): void {
    if (this.connected === connected) return
    this.connected = connected
    if (!connected) this.abort('the connection was lost')
    for (const listener of this.listeners) listener(connected)
  }

  private abort(reason: string): void {
    for (const fail of [...this.inFlight]) fail(reason)
  }

  private publish(subject: string, bytes: Uint8Array): void {
    this.send(subject, bytes, () => undefined)
  }

  private send(subject: string, bytes: Uint8Array, respond: (bytes: Uint8Array) => void): void {
    if (this.speaks) this.service.bus.publish(subject, Buffer.from(bytes), respond)
    else this.world.counts.add('nats_cut')
  }

  private subscribe(subject: string, onMessage: BusListener['onMessage']): () => void {
    const listener: BusListener = {
      pattern: subject,
      owner: this.owner,
      reachable: () => this.hears,
      onMessage: (message) => {
        onMessage({
          ...message,
          // An answer goes the way back only if the one who answers is not cut off.
          respond: (answer) => {
            if (this.speaks) message.respond(answer)
          },
        })
      },
      lastArrival: 0,
    }
    this.service.bus.add(listener)
    this.listening.add(listener)
    return () => {
      this.service.bus.remove(listener)
      this.listening.delete(listener)
    }
  }

  private request(subject: string, bytes: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const { kernel, random, weather } = this.world
    return new Promise((resolve, reject) => {
      const fail = (reason: string): void => {
        this.inFlight.delete(fail)
        timeout.cancel()
        reject(new NatsUnreachable(`NATS: ${subject}: ${reason}.`))
      }
      const timeout = kernel.after(timeoutMs, () => fail('no answer in time'), this.owner)
      this.inFlight.add(fail)
      if (this.speaks && this.hears && !this.service.bus.hasListener(subject)) {
        kernel.after(
          random.exponential(weather.latencyMs),
          () => fail('nobody listens'),
          this.owner,
        )
        return
      }
      this.send(subject, bytes, (answer) => {
        const copy = Buffer.from(answer)
        kernel.after(
          random.exponential(weather.latencyMs) * 2,
          () => {
            if (!this.hears || !this.inFlight.delete(fail)) return
            timeout.cancel()
            resolve(copy)
          },
          this.owner,
        )
      })
    })
  }
}
