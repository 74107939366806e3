/** Virtual time of a model: what is planned happens in the order of its moments, ties in order of planning. */

interface Planned {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

export class Timeline {
  /** ms since the beginning. */
  now = 0
  /** A binary heap, the next event on top. */
  private readonly heap: Planned[] = []
  private planned = 0

  /** Plans something for a moment that has not passed. */
  at(at: number, run: () => void): void {
    const { heap } = this
    const event: Planned = { at: Math.max(at, this.now), order: this.planned++, run }
    let place = heap.length
    heap.push(event)
    while (place > 0) {
      const parent = (place - 1) >> 1
      if (!before(event, heap[parent]!)) break
      heap[place] = heap[parent]!
      place = parent
    }
    heap[place] = event
  }

  /** Lets everything happen up to a moment. */
  runUntil(end: number): void {
    for (let next = this.heap[0]; next !== undefined && next.at <= end; next = this.heap[0]) {
      this.take()
      this.now = next.at
      next.run()
    }
    this.now = end
  }

  private take(): void {
    const { heap } = this
    const last = heap.pop()!
    if (heap.length === 0) return
    let place = 0
    for (;;) {
      let child = 2 * place + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[place] = heap[child]!
      place = child
    }
    heap[place] = last
  }
}

function before(a: Planned, b: Planned): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
