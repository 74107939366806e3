/**
 * Requests of a shard that wait for a token to be woken.
 *
 * Q5. Nothing waits for ever: what its client has given up is let go. Time is counted in sweeps, which are
 *     a second apart at least, so that nothing is let go early and to park looks at no clock.
 * Q6. What only watches, a query or the repetition of a request, takes no place of work: however many ask
 *     after one payment that is stuck, the shard goes on taking others.
 */
import type { ShardRequest } from './requests.js'

/** A request that waits to be woken. */
export interface ParkedRequest {
  readonly request: ShardRequest
  /** What its key remembers; undefined when nothing of it was done yet. */
  readonly note: number | undefined
  /** True when it is not the one who left the key behind, but asks again. */
  readonly repeats: boolean
}

export class ParkedRequests {
  private readonly byToken = new Map<string, ParkedRequest[]>()
  private sweeps = 0
  private working = 0
  private watching = 0

  /** Those that count as the mailbox's. */
  get work(): number {
    return this.working
  }

  get size(): number {
    return this.working + this.watching
  }

  /**
   * @param placesMax of a mailbox: for all that watch, and for those of a token that do not
   * @returns false when there is no place for it
   */
  add(parked: ParkedRequest, token: string, placesMax: number): boolean {
    const others = this.byToken.get(token)
    if (watches(parked)) {
      if (this.watching >= placesMax) return false
      this.watching++
    } else {
      if (others !== undefined && others.length >= placesMax) return false
      this.working++
    }
    const { request } = parked
    // One that was woken, and waits again, waits no longer for that.
    if (request.lastSweep === 0) request.lastSweep = this.sweeps + request.seconds + 1
    if (others === undefined) this.byToken.set(token, [parked])
    else others.push(parked)
    return true
  }

  /** Takes out all that wait for a token. */
  take(token: string): readonly ParkedRequest[] | undefined {
    const parked = this.byToken.get(token)
    if (parked === undefined) return undefined
    this.byToken.delete(token)
    for (const one of parked) this.leave(one)
    return parked
  }

  /** Takes out everything. */
  *takeAll(): Generator<ParkedRequest> {
    for (const parked of this.byToken.values()) yield* parked
    this.byToken.clear()
    this.working = this.watching = 0
  }

  /** Takes out those whose clients have given up. At least a second lies between two sweeps. */
  sweep(overdue: (parked: ParkedRequest) => void): void {
    this.sweeps++
    for (const [token, parked] of this.byToken) {
      if (!parked.some((one) => this.isOverdue(one))) continue
      const left: ParkedRequest[] = []
      for (const one of parked) {
        if (!this.isOverdue(one)) left.push(one)
        else {
          this.leave(one)
          overdue(one)
        }
      }
      if (left.length > 0) this.byToken.set(token, left)
      else this.byToken.delete(token)
    }
  }

  private isOverdue({ request }: ParkedRequest): boolean {
    return request.lastSweep <= this.sweeps
  }

  private leave(parked: ParkedRequest): void {
    if (watches(parked)) this.watching--
    else this.working--
  }
}

function watches({ request, repeats }: ParkedRequest): boolean {
  return repeats || request.type === 'query'
}
