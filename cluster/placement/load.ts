/**
 * What a shard weighs when shards are placed: one, and more only when it is clearly busier than most, and busy.
 *
 * W1. Loads are smoothed, and differences below `band` weigh nothing: noise moves no shard (B3).
 * W2. A shard that has next to nothing to do weighs one, however idle the others are: a cluster at rest is still.
 */

/** A shard may be this many times as busy as the average before it weighs more. */
const band = 1.5
/**
 * Ordinals a second below which the average counts as this much (W2). A shard weighs more from one and a half times as
 * much, and most at six times as much: about one hundredth, and a twentieth, of what a core can do. What is less is not
 * worth a move, whose pause every payment of the shard waits for.
 */
const meanMin = 1_000
/** However hot a shard is, it weighs no more: it can't be split, so emptying its node has an end. */
const weightMax = 4
/** Share of a new measurement in the average. */
const smoothing = 0.1

export class ShardLoads {
  private readonly averages = new Map<number, number>()

  /** Takes a measurement of a shard's load. @param load ordinals a second */
  measure(shard: number, load: number): void {
    const before = this.averages.get(shard)
    this.averages.set(shard, before === undefined ? load : before + (load - before) * smoothing)
  }

  /** Weights of shards as they are now. @param shards how many there are */
  weights(shards: number): (shard: number) => number {
    let sum = 0
    for (const load of this.averages.values()) sum += load
    const mean = Math.max(sum / shards, meanMin)
    return (shard) => {
      const load = this.averages.get(shard)
      if (load === undefined) return 1
      return Math.min(weightMax, Math.max(1, load / mean / band))
    }
  }
}
