/**
 * The pulse of every shard: when it last answered, and how long it was silent at most.
 *
 * U1. A pause is the time between two successful answers of one shard's actors, whoever asked; the one
 *     that has not ended yet counts too.
 */

export class Pulses {
  private readonly newest: number[]
  private readonly longest: number[]

  /** @param shards how many there are */
  constructor(shards: number) {
    this.newest = Array<number>(shards).fill(0)
    this.longest = Array<number>(shards).fill(0)
  }

  /** Begins to measure anew. @param at monotonic ms */
  begin(at: number): void {
    this.newest.fill(at)
    this.longest.fill(0)
  }

  /** A shard has answered. */
  beat(shard: number, at: number): void {
    this.longest[shard] = Math.max(this.longest[shard]!, at - this.newest[shard]!)
    this.newest[shard] = at
  }

  /** The longest pause of each shard since {@link begin}, in whole ms. */
  pauses(at: number): number[] {
    return this.longest.map((ms, shard) => Math.round(Math.max(ms, at - this.newest[shard]!)))
  }
}
