/**
 * How long each shard of a cluster gives no answer: one of its accounts is read again and again, and the
 * longest time between two answers is kept.
 */
const pauseMs = 5

export class Silences {
  private readonly longest: number[]
  private readonly answeredAt: number[]
  private ended = false

  /**
   * Begins to watch.
   * @param read asks a shard; a rejection is no answer
   */
  constructor(shards: number, read: (shard: number) => Promise<unknown>) {
    this.longest = new Array<number>(shards).fill(0)
    this.answeredAt = new Array<number>(shards).fill(performance.now())
    for (let shard = 0; shard < shards; shard++) void this.watch(shard, read)
  }

  /** Ends watching. @returns ms of the longest silence of each shard, one that lasts until now included */
  end(): readonly number[] {
    this.ended = true
    const now = performance.now()
    return this.longest.map((ms, shard) => Math.max(ms, now - this.answeredAt[shard]!))
  }

  private async watch(shard: number, read: (shard: number) => Promise<unknown>): Promise<void> {
    while (!this.ended) {
      if (await read(shard).then(yes, no)) {
        const now = performance.now()
        this.longest[shard] = Math.max(this.longest[shard]!, now - this.answeredAt[shard]!)
        this.answeredAt[shard] = now
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
}

const yes = (): boolean => true
const no = (): boolean => false
