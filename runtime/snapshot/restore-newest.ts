/**
 * The newest state that snapshots give.
 *
 * V1. A snapshot that does not read is passed over for the older one; the journal reaches back to
 *     that. Where neither reads and the journal begins later, the folder or stream is damaged.
 */
import { OpenRefused } from '../errors.js'
import type { ShardState } from '../shard/shard-state.js'
import { SnapshotRestore } from './snapshot-blocks.js'
import type { SnapshotCandidate, SnapshotStore } from './snapshot-store.js'

/**
 * @param empty makes a state without anything, as often as it is needed
 * @param passedOver called with each snapshot that does not read, and why
 */
export async function restoreNewest<Candidate extends SnapshotCandidate>(
  store: SnapshotStore<Candidate>,
  shard: number,
  empty: () => ShardState,
  passedOver: (candidate: Candidate, why: string) => void = () => undefined,
): Promise<ShardState> {
  for (const candidate of await store.newest(shard)) {
    const state = empty()
    const restore = new SnapshotRestore(state)
    try {
      await store.read(shard, candidate, (block) => {
        restore.add(block)
      })
    } catch (error) {
      if (!(error instanceof OpenRefused) || error.code !== 'damaged') throw error
      passedOver(candidate, error.message)
      continue
    }
    if (restore.complete) return state
    passedOver(candidate, `The snapshot ${candidate.name} ends too early.`)
  }
  return empty()
}
