/** How long to wait before something that died is started again: longer each time, until it has proven itself. */

/** ms before it is started again: the first time, and at most. */
const pauseFirstMs = 250
const pauseMostMs = 10_000
/** ms it has to live for its next death to be a first one. */
const provenMs = 30_000

export class RestartPauses {
  private pauseMs = pauseFirstMs
  private startedAt = performance.now()

  /** It runs again. */
  started(): void {
    this.startedAt = performance.now()
  }

  /** It has died. @returns ms to wait now */
  next(): number {
    if (performance.now() - this.startedAt > provenMs) this.pauseMs = pauseFirstMs
    const { pauseMs } = this
    this.pauseMs = Math.min(pauseMs * 2, pauseMostMs)
    return pauseMs
  }
}
