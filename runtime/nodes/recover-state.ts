/** Rebuilds a shard's state from its newest snapshot that reads; the journal does the rest. */
import { OpenRefused } from '../errors.js'
import { SnapshotRestore } from '../snapshot/snapshot-blocks.js'
import type { SnapshotStore } from '../snapshot/snapshot-store.js'
import type { ShardState } from '../shard/shard-state.js'

/**
 * @param empty makes the state of a shard nothing ever happened to
 * @throws OpenRefused newer_format, newer_version
 */
export async function recoverState(
  snapshots: SnapshotStore,
  shard: number,
  empty: () => ShardState,
): Promise<ShardState> {
  for (const candidate of await snapshots.newest(shard)) {
    const state = empty()
    const restore = new SnapshotRestore(state)
    try {
      await snapshots.read(candidate, (block) => {
        restore.add(block)
      })
    } catch (error) {
      // The older one is behind it, and the journal reaches back to that.
      if (error instanceof OpenRefused && error.code === 'damaged') continue
      throw error
    }
    if (restore.complete) return state
  }
  return empty()
}
