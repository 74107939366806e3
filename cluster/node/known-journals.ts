/**
 * Which shards of the cluster have a journal, in its bucket, apart from the journals: a stream that was
 * removed must not pass for one that was never there (SN6 in `runtime/nodes/jetstream-storage.ts`).
 */
import type { KnownJournals } from '../../runtime/index.js'
import { NatsUnreachable, type KeyBucket } from '../../transport/index.js'

const keyOf = (shard: number): string => `journals.${shard}`

/** @param complete whether every node this cluster ever had notes its journals */
export function knownJournals(bucket: KeyBucket, complete: boolean): KnownJournals {
  /** What was there once stays. */
  const known = new Set<number>()
  return {
    complete,
    async has(shard) {
      if (!known.has(shard) && (await bucket.get(keyOf(shard))) !== undefined) known.add(shard)
      return known.has(shard)
    },
    async add(shard) {
      const put = await bucket.put(keyOf(shard), Buffer.from('{}'), 0)
      // A conflict says that somebody else has noted it.
      if (put.outcome === 'unknown')
        throw new NatsUnreachable(
          `NATS: the journal of shard ${shard} is not noted: ${put.reason}.`,
        )
      known.add(shard)
    },
  }
}
