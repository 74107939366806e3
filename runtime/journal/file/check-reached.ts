/**
 * Whether a shard that was rebuilt goes beyond its journal's end.
 *
 * A7. Nothing stands in a snapshot that is not durable in the journal (N4), so what was rebuilt never goes beyond
 *     the journal's end. Where it does, journal and snapshots are of different times, or the journal lost its end:
 *     refused, because whatever came next would follow on frames that are not there.
 */
import { OpenRefused } from '../../errors.js'

/**
 * @param reached ordinal the shard was rebuilt up to
 * @param last ordinal its journal ends at, 0 for none
 * @throws OpenRefused journal_regressed
 */
export function checkReached(shard: number, reached: number, last: number): void {
  if (reached > last) {
    throw new OpenRefused(
      'journal_regressed',
      `Shard ${shard} has a snapshot up to ordinal ${reached}, but its journal ends at ${last}: the journal has lost its end, or the two were copied at different times. Nothing was changed: put back what is missing, or restore journal, epochs and snapshots of one moment.`,
    )
  }
}
