/**
 * Virtual time for everything that runs in one simulation: a heap of events, ordered by time and then by
 * age, each run only when all promises of the one before have settled.
 */
import type { TimerHandle } from '../../env/env.js'

interface Event {
  readonly at: number
  readonly number: number
  readonly run: () => void
  cancelled: boolean
}

export class VirtualTime {
  /** ms since the beginning. */
  now = 0
  /** Events run so far. */
  events = 0
  readonly random: () => number
  private readonly heap: Event[] = []
  private nextNumber = 1

  constructor(random: () => number) {
    this.random = random
  }

  after(delayMs: number, run: () => void): TimerHandle {
    const event = { at: this.now + delayMs, number: this.nextNumber++, run, cancelled: false }
    this.push(event)
    return {
      cancel: () => {
        event.cancelled = true
      },
    }
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(ms, resolve))
  }

  /** Runs events until a condition holds. @returns false when it did not within this much time */
  async runUntil(holds: () => boolean, withinMs: number): Promise<boolean> {
    const deadline = this.now + withinMs
    for (;;) {
      // Promise reactions run before the next event, as if they took no time.
      await new Promise<void>((resolve) => setImmediate(resolve))
      if (holds()) return true
      const event = this.pop()
      if (event === undefined || event.at > deadline) {
        if (event !== undefined) this.push(event)
        this.now = deadline
        return holds()
      }
      this.now = event.at
      this.events++
      event.run()
    }
  }

  private push(event: Event): void {
    const { heap } = this
    let at = heap.push(event) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(event, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  private pop(): Event | undefined {
    for (;;) {
      const first = this.heap[0]
      if (first === undefined) return undefined
      const last = this.heap.pop()!
      if (this.heap.length > 0) this.sink(last)
      if (!first.cancelled) return first
    }
  }

  private sink(event: Event): void {
    const { heap } = this
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, event)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = event
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.number < b.number)
}
