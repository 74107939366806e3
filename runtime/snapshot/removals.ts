/**
 * Letting go of what snapshots stand for, unless somebody is copying it.
 *
 * BK3. While a backup is being made, no segment and no snapshot goes. What is due then goes with the next round.
 */
export class Removals {
  private held = false
  private readonly underWay = new Set<Promise<unknown>>()

  /** Removes something. @returns undefined when nothing may go now */
  async run<T>(remove: () => Promise<T>): Promise<T | undefined> {
    if (this.held) return undefined
    const removing = remove()
    this.underWay.add(removing)
    try {
      return await removing
    } finally {
      this.underWay.delete(removing)
    }
  }

  /** Lets nothing go from here on, and waits for what is going. */
  async hold(): Promise<void> {
    this.held = true
    await Promise.allSettled(this.underWay)
  }

  resume(): void {
    this.held = false
  }
}
