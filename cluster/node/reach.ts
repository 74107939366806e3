/**
 * Whether a node reaches the journals of its shards.
 *
 * M6. Membership and journals have a connection each. Who has been without the second one for as long as a lease,
 *     while the first one stands, serves nobody: it holds no lease, so that others take its shards, and joins again
 *     when it is back. Without both it is NATS that is away, and nobody is to blame (D1): that time does not count, and
 *     makes up for none that did.
 */
import type { Clock } from '../../runtime/index.js'
import type { Nats } from '../../transport/index.js'
import { leaseSettings, type LeaseSettings } from '../membership/settings.js'

export interface Connections {
  /** Of the journals and the links. */
  readonly nats: Pick<Nats, 'connected'>
  /** Of the membership. */
  readonly control: Pick<Nats, 'connected'>
  readonly lease?: Partial<LeaseSettings> | undefined
}

export class Reach {
  private readonly clock: Clock
  private readonly connections: Connections
  private readonly bearMs: number
  /** ms for which only the journals were out of reach, since they were in reach. */
  private awayMs = 0
  private lookedAt: number

  constructor(clock: Clock, connections: Connections) {
    this.clock = clock
    this.connections = connections
    this.bearMs = leaseSettings(connections.lease).leaseMs
    this.lookedAt = clock.monotonic()
  }

  /** Why this node may hold no lease; undefined when it may. To be asked with every renewal. */
  hindrance(): string | undefined {
    const { nats, control } = this.connections
    const now = this.clock.monotonic()
    if (nats.connected) this.awayMs = 0
    else if (control.connected) this.awayMs += now - this.lookedAt
    this.lookedAt = now
    return this.awayMs <= this.bearMs
      ? undefined
      : 'the connection to the journals is down, and that of the membership is not'
  }
}
