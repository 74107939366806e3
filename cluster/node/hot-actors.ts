/**
 * Which actors are asked most, from a sample of requests, in a fixed number of places: the space-saving
 * sketch (Metwally, Agrawal, El Abbadi, 2005), halved from time to time so that it forgets.
 */
const places = 128

export class HotActors {
  private readonly counts = new Map<string, number>()
  private sampled = 0

  /** Takes one sampled request. */
  add(address: string): void {
    const { counts } = this
    this.sampled++
    const count = counts.get(address)
    if (count !== undefined) counts.set(address, count + 1)
    else if (counts.size < places) counts.set(address, 1)
    else {
      let least = ''
      let leastCount = Infinity
      for (const [one, its] of counts) if (its < leastCount) [least, leastCount] = [one, its]
      counts.delete(least)
      counts.set(address, leastCount + 1)
    }
  }

  /** The hottest first, each with its share of all requests, 0 to 1. */
  top(atMost: number): [address: string, share: number][] {
    const sorted = [...this.counts].sort((a, b) => b[1] - a[1]).slice(0, atMost)
    return sorted.map(([address, count]) => [address, count / this.sampled])
  }

  /** Forgets half of everything. */
  decay(): void {
    this.sampled = Math.floor(this.sampled / 2)
    for (const [address, count] of this.counts) {
      if (count < 2) this.counts.delete(address)
      else this.counts.set(address, Math.floor(count / 2))
    }
  }
}
