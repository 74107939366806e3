/**
 * What a node does about a wall clock that leapt ahead of its monotonic one: it serves by the time it knows,
 * lets nothing expire and is not ready (`runtime/shard/clock-guard.ts`), until it knows which of the two is right.
 *
 * M4. What NATS stamps on a renewal tells, as when the node joined (M3). A clock that is right – the machine
 *     stood still, and with it the monotonic clock – is followed again; a node whose clock is wrong ends.
 */
import { OpenRefused } from '../../runtime/index.js'
import { clockSentence, type Membership } from '../membership/membership.js'

/** What this needs of the guard of shard time. */
export interface GuardedClock {
  readonly jumped: boolean
  trust(): void
}

export class ClockWatch {
  private readonly clock: GuardedClock
  private readonly membership: Pick<Membership, 'clockOff'>
  private readonly fail: (error: OpenRefused) => void
  private comparing = false
  private ended = false

  /** @param fail told once, when the clock is wrong: the node gives its shards away and ends */
  constructor(
    clock: GuardedClock,
    membership: Pick<Membership, 'clockOff'>,
    fail: (error: OpenRefused) => void,
  ) {
    this.clock = clock
    this.membership = membership
    this.fail = fail
  }

  /** To be called again and again. */
  look(): void {
    if (!this.clock.jumped || this.comparing || this.ended) return
    this.comparing = true
    void this.compare().finally(() => {
      this.comparing = false
    })
  }

  private async compare(): Promise<void> {
    const off = await this.membership.clockOff()
    // Set right meanwhile, or nobody knows: the next look asks again.
    if (off === undefined || !this.clock.jumped) return
    if (off === 0) {
      this.clock.trust()
      return
    }
    this.ended = true
    this.fail(new OpenRefused('clock_off', clockSentence(off)))
  }
}
