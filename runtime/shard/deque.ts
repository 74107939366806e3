/** A queue with two ends over one array: a ring of a power of two, grown when full. */
export class Deque<T> {
  private ring: (T | undefined)[] = new Array<T | undefined>(4)
  private head = 0
  private count = 0

  get length(): number {
    return this.count
  }

  /** The item at a position below the length, 0 being the next to leave. */
  at(position: number): T {
    return this.ring[(this.head + position) & (this.ring.length - 1)]!
  }

  /** Puts another item at a position below the length. */
  replace(position: number, item: T): void {
    this.ring[(this.head + position) & (this.ring.length - 1)] = item
  }

  push(item: T): void {
    if (this.count === this.ring.length) this.grow()
    this.ring[(this.head + this.count) & (this.ring.length - 1)] = item
    this.count++
  }

  unshift(item: T): void {
    if (this.count === this.ring.length) this.grow()
    this.head = (this.head - 1) & (this.ring.length - 1)
    this.ring[this.head] = item
    this.count++
  }

  shift(): T | undefined {
    if (this.count === 0) return undefined
    const item = this.ring[this.head]
    this.ring[this.head] = undefined
    this.head = (this.head + 1) & (this.ring.length - 1)
    this.count--
    return item
  }

  private grow(): void {
    const ring = new Array<T | undefined>(this.ring.length * 2)
    for (let i = 0; i < this.count; i++) {
      ring[i] = this.ring[(this.head + i) & (this.ring.length - 1)]
    }
    this.ring = ring
    this.head = 0
  }
}
