/**
 * The bus of a simulated NATS: at most once, and often not even in order (A3). Between two processes
 * messages keep their order unless a fault says otherwise.
 */
import type { BusMessage } from '../../../transport/index.js'
import type { Owner } from '../kernel.js'
import type { NatsWorld } from './service.js'
import { subjectFits } from './subjects.js'

/** Somebody who listens. */
export interface BusListener {
  readonly pattern: string
  readonly owner: Owner
  /** False while it is cut off: what arrives is lost. */
  readonly reachable: () => boolean
  readonly onMessage: (message: BusMessage) => void
  /** When the newest message in order arrives. */
  lastArrival: number
}

export class SimulatedBus {
  private readonly world: NatsWorld
  private readonly listeners = new Set<BusListener>()

  constructor(world: NatsWorld) {
    this.world = world
  }

  add(listener: BusListener): void {
    this.listeners.add(listener)
  }

  remove(listener: BusListener): void {
    this.listeners.delete(listener)
  }

  /** Whether anybody alive and reachable listens. */
  hasListener(subject: string): boolean {
    return [...this.listeners].some(
      ({ pattern, owner, reachable }) =>
        owner.alive && reachable() && subjectFits(subject, pattern),
    )
  }

  /** Brings a message to whoever listens when it passes the servers. */
  publish(subject: string, bytes: Uint8Array, respond: (bytes: Uint8Array) => void): void {
    const { kernel, random, weather } = this.world
    kernel.note(subject, bytes)
    for (const listener of this.listeners) {
      if (!listener.owner.alive) this.listeners.delete(listener)
      else if (subjectFits(subject, listener.pattern)) {
        this.toListener(
          listener,
          { subject, bytes, respond },
          random.exponential(weather.latencyMs) * 2,
        )
      }
    }
  }

  private toListener(listener: BusListener, message: BusMessage, latency: number): void {
    const { kernel, random, weather, counts } = this.world
    if (random.chance(weather.busLoss)) {
      counts.add('bus_loss')
      return
    }
    if (random.chance(weather.busDuplicate)) {
      counts.add('bus_duplicate')
      this.arrive(listener, message, latency + random.exponential(weather.latencyMs * 20))
    }
    if (random.chance(weather.busDelay)) {
      counts.add('bus_delay')
      this.arrive(listener, message, latency + random.exponential(200))
    } else if (random.chance(weather.busReorder)) {
      counts.add('bus_reorder')
      this.arrive(listener, message, latency + random.exponential(weather.latencyMs * 5))
    } else {
      listener.lastArrival = Math.max(listener.lastArrival, kernel.now + latency)
      this.arrive(listener, message, listener.lastArrival - kernel.now)
    }
  }

  private arrive(listener: BusListener, message: BusMessage, delayMs: number): void {
    const { kernel, counts } = this.world
    kernel.after(
      delayMs,
      () => {
        if (!this.listeners.has(listener)) return
        if (listener.reachable()) listener.onMessage(message)
        else counts.add('nats_cut')
      },
      listener.owner,
    )
  }
}
