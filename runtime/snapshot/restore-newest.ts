/**
 * The newest state that snapshots give.
 *
 * V1. A snapshot that does not read is passed over for the older one; the journal reaches back to
 *     that. Where none reads and the journal begins later, the folder or stream is damaged.
 */
import type { NextPiece } from '../../transport/index.js'
import { OpenRefused } from '../errors.js'
import type { ShardState } from '../shard/shard-state.js'
import { SnapshotRestore } from './snapshot-restore.js'
import type { SnapshotCandidate, SnapshotStore } from './snapshot-store.js'

/**
 * @param empty makes a state without anything, as often as it is needed
 * @param passedOver called with each snapshot that does not read, which part of it does not, and why
 * @param nextPiece as of {@link SnapshotStore.read}
 */
export async function restoreNewest<Candidate extends SnapshotCandidate>(
  store: SnapshotStore<Candidate>,
  shard: number,
  empty: () => ShardState,
  passedOver: (candidate: Candidate, part: string, why: string) => void = () => undefined,
  nextPiece?: NextPiece,
): Promise<ShardState> {
  const bad = new Set<string>()
  for (const candidate of await store.newest(shard)) {
    if (candidate.parts.some((part) => bad.has(part))) continue
    const state = empty()
    const restore = new SnapshotRestore(state)
    const pass = (part: string, why: string): void => {
      bad.add(part)
      passedOver(candidate, part, why)
    }
    try {
      await store.read(shard, candidate, (block) => restore.add(block), nextPiece)
    } catch (error) {
      if (!(error instanceof OpenRefused) || error.code !== 'damaged') throw error
      const file = error.place?.file
      const known = file !== undefined && candidate.parts.includes(file)
      pass(known ? file : candidate.name, error.message)
      continue
    }
    if (restore.complete && state.ordinal === candidate.ordinal) return state
    const what = restore.complete ? `was cut at ordinal ${state.ordinal}` : 'ends too early'
    pass(candidate.name, `The snapshot ${candidate.name} ${what}.`)
  }
  return empty()
}
