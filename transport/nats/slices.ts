/**
 * Long work in slices, so that whoever else needs the thread – requests, heartbeats, answers – waits for one
 * slice and not for all of it.
 */
import { performance } from 'node:perf_hooks'

const sliceMs = 8

export class Slices {
  private begunAt = performance.now()

  /** To be awaited between two steps: lets others run when the slice is used up. */
  async next(): Promise<void> {
    if (performance.now() - this.begunAt < sliceMs) return
    await new Promise((resolve) => setImmediate(resolve))
    this.begunAt = performance.now()
  }
}
