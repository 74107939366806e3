/**
 * The kernel of a simulation: one heap of events by virtual time, one rolling hash of all that
 * happened. The same seed gives the same events in the same order, and so the same hash.
 *
 * K1. Events of equal time run in the order they were scheduled.
 * K2. Between two events the loop passes a macrotask boundary, so every promise reaction the first
 *     one set off has run: computing takes no virtual time.
 */
import { crc32 } from 'node:zlib'

/** Something events belong to: they wait while it is paused, and are dropped when it is dead. */
export interface Owner {
  readonly alive: boolean
  readonly paused: boolean
  /** Takes an event that came due while it was paused. */
  defer(run: () => void): void
}

/**
 * Steps that are queued together. Node runs all microtasks between two of them, but asks the system for
 * news only once for all.
 */
const stepsAtOnce = 64

/** A scheduled event. */
export interface EventHandle {
  cancel(): void
}

class ScheduledEvent implements EventHandle {
  cancelled = false
  constructor(
    readonly at: number,
    readonly order: number,
    readonly run: () => void,
    readonly owner: Owner | undefined,
    readonly settles: boolean,
  ) {}

  cancel(): void {
    this.cancelled = true
  }
}

export class Kernel {
  /** Virtual time, ms since the run began. */
  now = 0
  /** Events run so far. */
  events = 0
  /** Takes lines of a readable trace, when somebody reads. */
  onLine: ((line: string) => void) | undefined
  private readonly heap: ScheduledEvent[] = []
  private order = 0
  private low = 0x811c9dc5
  private high = 0x9dc5811c

  /** Rolling hash of everything noted so far, in hex. */
  get hash(): string {
    return hex(this.high) + hex(this.low)
  }

  /**
   * Schedules an event.
   * @param settles false when it can't set off a promise reaction: the loop need not wait for any
   */
  at(time: number, run: () => void, owner?: Owner, settles = true): EventHandle {
    const event = new ScheduledEvent(Math.max(time, this.now), this.order++, run, owner, settles)
    this.push(event)
    return event
  }

  after(delayMs: number, run: () => void, owner?: Owner, settles = true): EventHandle {
    return this.at(this.now + delayMs, run, owner, settles)
  }

  /** Resolves after a virtual delay. */
  wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(delayMs, resolve)
    })
  }

  /** Runs events until a condition holds. @returns false when there are no events or no time left */
  run(done: () => boolean, until = Infinity): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let queued = 0
      let over = false
      const step = (): void => {
        queued--
        if (over) return
        try {
          const reached = this.step(done, until)
          if (reached === undefined) {
            if (queued === 0) queue()
            return
          }
          resolve(reached)
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)))
        }
        over = true
      }
      const queue = (): void => {
        for (; queued < stepsAtOnce; queued++) setImmediate(step)
      }
      queue()
    })
  }

  /**
   * Runs events up to one that may have set off promise reactions.
   * @returns as {@link run}; undefined to go on when the reactions have run
   */
  private step(done: () => boolean, until: number): boolean | undefined {
    while (!done()) {
      const event = this.heap[0]
      if (event === undefined || event.at > until) return false
      this.pop()
      if (event.cancelled) continue
      this.now = event.at
      const { owner } = event
      if (owner?.alive === false) continue
      if (owner?.paused === true) {
        owner.defer(event.run)
        continue
      }
      this.events++
      this.mix(event.order)
      event.run()
      if (event.settles) return undefined
    }
    return true
  }

  /** Makes a fact part of the trace. */
  note(what: string, bytes?: Uint8Array): void {
    for (let i = 0; i < what.length; i++) this.mix(what.charCodeAt(i))
    this.mix(Math.round(this.now * 1000))
    if (bytes !== undefined) this.mix(crc32(bytes))
  }

  /** Makes a fact part of the trace, and of the readable one. */
  say(line: string): void {
    this.note(line)
    this.show(line)
  }

  /** Makes a line part of the readable trace only. */
  show(line: string): void {
    this.onLine?.(`${this.now.toFixed(3).padStart(12)} ms  ${line}`)
  }

  private mix(word: number): void {
    this.low = Math.imul(this.low ^ word, 0x01000193)
    this.high = Math.imul(((this.high << 13) | (this.high >>> 19)) ^ this.low, 0x85ebca6b)
  }

  private push(event: ScheduledEvent): void {
    const { heap } = this
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (before(heap[parent]!, event)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  private pop(): void {
    const { heap } = this
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (before(last, heap[child]!)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

function before(a: ScheduledEvent, b: ScheduledEvent): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}
