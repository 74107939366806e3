/** What is asked of a runtime that stops is rejected with the reason: nobody waits for what is never done. */
import type { Fault } from '../errors.js'

export class UntilStopped {
  private why: Fault | undefined
  private readonly waiting = new Set<(why: Fault) => void>()

  /** It has stopped for good. */
  stop(why: Fault): void {
    this.why = why
    for (const reject of this.waiting) reject(why)
  }

  /** Begins some work, and waits for it. @throws Fault once it has stopped */
  run<T>(work: () => Promise<T>): Promise<T> {
    if (this.why !== undefined) return Promise.reject(this.why)
    return new Promise((resolve, reject) => {
      this.waiting.add(reject)
      void work()
        .then(resolve, reject)
        .finally(() => this.waiting.delete(reject))
    })
  }
}
