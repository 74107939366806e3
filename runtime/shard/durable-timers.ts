/**
 * The durable timers of a shard: a binary heap by due time. Setting, cancelling and firing are part
 * of the frames of the turns that did it; this holds only the pending ones.
 *
 * D1. A timer fires once: its firing is journaled as the cause of the turn it starts.
 * D2. Timers of equal due time fire in the order they were set.
 */
import type { Address } from '../actor/address.js'

export interface DurableTimer {
  readonly id: number
  /** Shard time, ms since 1970. */
  readonly due: number
  readonly address: Address
  readonly command: string
  readonly input: unknown
}

export class DurableTimers {
  private readonly pending = new Map<number, DurableTimer>()
  /** Heap of pending and of cancelled timers; the latter are dropped when they surface. */
  private heap: DurableTimer[] = []
  /** Id of the next timer. */
  next = 1

  get size(): number {
    return this.pending.size
  }

  set(timer: DurableTimer): void {
    this.pending.set(timer.id, timer)
    this.next = Math.max(this.next, timer.id + 1)
    this.heap.push(timer)
    this.siftUp(this.heap.length - 1)
  }

  /** Puts other timers in the place of whatever is here. */
  restore(timers: readonly DurableTimer[], next: number): void {
    this.pending.clear()
    this.heap = []
    for (const timer of timers) this.set(timer)
    this.next = next
  }

  /** Takes a timer out, because it was cancelled or fired. */
  remove(id: number): void {
    this.pending.delete(id)
    if (this.heap.length > 64 && this.heap.length > this.pending.size * 2) this.rebuild()
  }

  /** The next timer due at or before a time; it stays until removed. */
  dueAt(time: number): DurableTimer | undefined {
    const first = this.peek()
    return first !== undefined && first.due <= time ? first : undefined
  }

  all(): DurableTimer[] {
    return [...this.pending.values()].sort((a, b) => a.id - b.id)
  }

  private peek(): DurableTimer | undefined {
    while (this.heap.length > 0 && !this.pending.has(this.heap[0]!.id)) this.pop()
    return this.heap[0]
  }

  private pop(): void {
    const last = this.heap.pop()!
    if (this.heap.length === 0) return
    this.heap[0] = last
    this.siftDown()
  }

  private rebuild(): void {
    // A sorted array is a heap.
    this.heap = [...this.pending.values()].sort((a, b) => (earlier(a, b) ? -1 : 1))
  }

  private siftUp(at: number): void {
    const timer = this.heap[at]!
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!earlier(timer, this.heap[parent]!)) break
      this.heap[at] = this.heap[parent]!
      at = parent
    }
    this.heap[at] = timer
  }

  private siftDown(): void {
    const timer = this.heap[0]!
    const length = this.heap.length
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= length) break
      if (child + 1 < length && earlier(this.heap[child + 1]!, this.heap[child]!)) child++
      if (!earlier(this.heap[child]!, timer)) break
      this.heap[at] = this.heap[child]!
      at = child
    }
    this.heap[at] = timer
  }
}

function earlier(a: DurableTimer, b: DurableTimer): boolean {
  return a.due < b.due || (a.due === b.due && a.id < b.id)
}
