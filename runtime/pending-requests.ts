/**
 * The requests of a client that have no answer yet, by number: a ring of places that are used again,
 * so that nothing is made per request but what its promise needs.
 *
 * N1. A number names one request. Numbers go round after 2³²; one still in use is passed over, and an
 *     answer that comes after its request was given up finds nobody.
 */

type Resolve<T> = (value: T) => void
type Reject = (error: Error) => void

/** How a request ends. */
export interface Ending<T> {
  resolve: Resolve<T>
  reject: Reject
}

const placesMin = 1_024

export class PendingRequests<T> {
  private resolves: (Resolve<T> | undefined)[] = []
  private rejects: (Reject | undefined)[] = []
  private numbers = new Uint32Array(0)
  /** Monotonic ms. */
  private deadlines = new Float64Array(0)
  private shards = new Uint16Array(0)
  private next = 1
  private count = 0

  constructor() {
    this.resize(placesMin)
  }

  get size(): number {
    return this.count
  }

  /** The number the next request will have. */
  nextNumber(): number {
    if (this.count * 2 > this.resolves.length) this.resize(this.resolves.length * 2)
    while (this.resolves[this.placeOf(this.next)] !== undefined) this.next = (this.next + 1) >>> 0
    return this.next
  }

  /** Adds the request that has {@link nextNumber}. */
  add(resolve: Resolve<T>, reject: Reject, deadline: number, shard: number): void {
    this.put(this.next, resolve, reject, deadline, shard)
    this.count++
    this.next = (this.next + 1) >>> 0
  }

  /** Takes a request out. @returns false when nobody waits for this number */
  take(number: number, ending: Ending<T>): boolean {
    const place = this.placeOf(number)
    const resolve = this.resolves[place]
    if (resolve === undefined || this.numbers[place] !== number) return false
    ending.resolve = resolve
    ending.reject = this.rejects[place]!
    this.resolves[place] = undefined
    this.rejects[place] = undefined
    this.count--
    return true
  }

  /** Takes out and rejects what should have been answered by a moment. */
  rejectOverdue(moment: number, error: () => Error): void {
    this.rejectWhere((place) => this.deadlines[place]! <= moment, error)
  }

  /** Takes out and rejects what was asked of a shard. */
  rejectOf(shard: number, error: () => Error): void {
    this.rejectWhere((place) => this.shards[place] === shard, error)
  }

  /** What was asked of a shard must be answered by a moment at the latest. */
  hurry(shard: number, deadline: number): void {
    for (let place = 0; place < this.resolves.length; place++) {
      if (this.resolves[place] === undefined || this.shards[place] !== shard) continue
      this.deadlines[place] = Math.min(this.deadlines[place]!, deadline)
    }
  }

  private rejectWhere(condition: (place: number) => boolean, error: () => Error): void {
    for (let place = 0; place < this.resolves.length && this.count > 0; place++) {
      if (this.resolves[place] === undefined || !condition(place)) continue
      const reject = this.rejects[place]!
      this.resolves[place] = undefined
      this.rejects[place] = undefined
      this.count--
      reject(error())
    }
  }

  private put(
    number: number,
    resolve: Resolve<T>,
    reject: Reject,
    deadline: number,
    shard: number,
  ): void {
    const place = this.placeOf(number)
    this.resolves[place] = resolve
    this.rejects[place] = reject
    this.numbers[place] = number
    this.deadlines[place] = deadline
    this.shards[place] = shard
  }

  private placeOf(number: number): number {
    return number & (this.resolves.length - 1)
  }

  private resize(places: number): void {
    const { resolves, rejects, numbers, deadlines, shards } = this
    this.resolves = new Array<Resolve<T> | undefined>(places).fill(undefined)
    this.rejects = new Array<Reject | undefined>(places).fill(undefined)
    this.numbers = new Uint32Array(places)
    this.deadlines = new Float64Array(places)
    this.shards = new Uint16Array(places)
    // Twice the places: two numbers that shared none before share none now.
    resolves.forEach((resolve, place) => {
      if (resolve === undefined) return
      this.put(numbers[place]!, resolve, rejects[place]!, deadlines[place]!, shards[place]!)
    })
  }
}
