/** A comparison of all pairs of shards that this thread's shards send on: begun, and followed to its end. */
import type { SilentPair } from '../actor/client.js'
import type { Shard } from '../shard/shard.js'

export class PairComparison {
  /** By shard and target: the message number that ends it. */
  private awaited = new Map<Shard, Map<number, number>>()

  /** @throws Fault not_ready when a shard is on its way to another owner */
  begin(shards: readonly Shard[]): void {
    // Nothing is written for any of them unless all take part: who asks asks again.
    for (const shard of shards) shard.checkInService()
    this.awaited = new Map()
    for (const shard of shards) this.awaited.set(shard, shard.comparePairs())
  }

  /** Leaves a shard out that is not here any more. */
  forget(shard: Shard): void {
    this.awaited.delete(shard)
  }

  /** Pairs whose comparison has not been acknowledged yet. */
  silentPairs(): SilentPair[] {
    const silent: SilentPair[] = []
    for (const [{ state }, numbers] of this.awaited) {
      for (const [to, number] of numbers) {
        if (state.outbox.acknowledgedNumber(to) < number) silent.push({ from: state.shard, to })
      }
    }
    return silent
  }
}
