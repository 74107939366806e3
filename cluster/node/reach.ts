/**
 * Whether a node reaches the journals of its shards.
 *
 * M6. Membership and journals have a connection each. Who has been without the second one for as long as a lease,
 *     while the first one stands, serves nobody: it holds no lease, so that others take its shards, and joins again
 *     when it is back. Without both it is NATS that is away, and nobody is to blame (D1): that time does not count, and
 *     makes up for none that did.
 * M7. Who has been without the second one, or no member, for some seconds can't answer anybody: nothing leaves this
 *     node, and no frame of its own becomes durable. Who asks here hears so, and need not wait.
 * M8. Who has held no lease for some seconds, though connected, is no worse placed than all others as far as it
 *     knows: shards may be served, but nobody takes over those that are not. Whoever took its place would have
 *     declared it dead, and it would be no member any more (M7).
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

/** What this has to know of the node as a member. */
export interface MembershipLook {
  /** Whether it hears the others, as members do. */
  isLinked(): boolean
  hasLease(): boolean
}

/** ms without a lease that may pass by themselves: an election in the bucket's stream takes as long. */
const adriftMs = 5_000

/** ms of that which who asks here waits out: another server, or the next life, is there sooner. */
const cutOffMs = 3_000

export class Reach {
  private readonly clock: Clock
  private readonly connections: Connections
  private readonly membership: MembershipLook
  private readonly bearMs: number
  /** ms for which only the journals were out of reach, since they were in reach. */
  private awayMs = 0
  private lookedAt: number
  /** Monotonic ms since when it was seen out of reach of journals or others; Infinity while it is not. */
  private lostAt = Infinity
  /** Monotonic ms since when it was seen without a lease; Infinity while it holds one. */
  private leaselessAt = Infinity

  constructor(clock: Clock, connections: Connections, membership: MembershipLook) {
    this.clock = clock
    this.membership = membership
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
    this.look(now)
    return this.awayMs <= this.bearMs
      ? undefined
      : 'the connection to the journals is down, and that of the membership is not'
  }

  /** Whether nothing can be answered here (M7). To be asked often. */
  cutOff(): boolean {
    if (this.inReach && this.lostAt === Infinity) return false
    const now = this.clock.monotonic()
    this.look(now)
    return now - this.lostAt > cutOffMs
  }

  /** Whether what is not served now is not served soon either (M8). */
  adrift(): boolean {
    const now = this.clock.monotonic()
    this.look(now)
    return now - this.leaselessAt > adriftMs
  }

  private get inReach(): boolean {
    return this.connections.nats.connected && this.membership.isLinked()
  }

  private look(now: number): void {
    this.lostAt = this.inReach ? Infinity : Math.min(this.lostAt, now)
    this.leaselessAt = this.membership.hasLease() ? Infinity : Math.min(this.leaselessAt, now)
  }
}
