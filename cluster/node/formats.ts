/**
 * The format a cluster writes, and whether this program reads it.
 *
 * F2. A node that does not read what the cluster writes does not join, and ends when that changes: it
 *     could neither take a shard over nor hand one on.
 */
import { checkFormat, FormatUnread, OpenRefused, type FormatRange } from '../../runtime/index.js'
import type { KeyBucket } from '../../transport/index.js'
import { newestMap } from '../placement/map-store.js'
import { decodeMap, MapBroken, mapKey, type ShardMap } from '../placement/shard-map.js'

/**
 * A map that was written over is put back once a node is there to do it (P8).
 * @throws OpenRefused newer_format, older_format, damaged; NatsUnreachable
 */
export async function checkFormatOfCluster(bucket: KeyBucket, reads: FormatRange): Promise<void> {
  const entry = await bucket.get(mapKey)
  if (entry === undefined) return
  try {
    checkFormatOf(decodeMap(entry.value), reads)
  } catch (error) {
    if (!(error instanceof MapBroken)) throw error
    const before = error.code === 'map_broken' && newestMap(await bucket.history(mapKey))
    if (before) checkFormatOf(decodeMap(before.value), reads)
    else
      throw new OpenRefused(error.code === 'map_newer' ? 'newer_format' : 'damaged', error.message)
  }
}

/** @throws OpenRefused newer_format, older_format */
export function checkFormatOf({ format }: ShardMap, reads: FormatRange): void {
  try {
    checkFormat('What the cluster writes', format, reads)
  } catch (error) {
    throw error instanceof FormatUnread ? new OpenRefused(error.code, error.message) : error
  }
}
