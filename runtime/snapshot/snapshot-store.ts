/**
 * The port to where snapshots are kept: files beside the journal, or a stream of NATS.
 *
 * N7. What `newest` lists may still turn out damaged when it is read; then an older one counts, and the
 *     journal reaches back to it. `write` resolves only when the snapshot can be read again.
 * N8. An *increment* says what changed since the snapshot it follows. The whole snapshot and the increments
 *     that follow it are a chain; each place in it gives the state there. Two chains are kept, so that one
 *     damaged file loses no state.
 */

import type { NextPiece } from '../../transport/index.js'
import type { Pace } from './pace.js'

/** Names a snapshot of a shard. */
export interface SnapshotName {
  readonly ordinal: number
  readonly epoch: number
}

/** A shard's state at an ordinal, as blocks that are made while they are written. */
export interface SnapshotCut extends SnapshotName {
  readonly blocks: Iterable<Uint8Array>
  /** The snapshot it says the changes to; absent: it is whole. */
  readonly follows?: SnapshotName
  /** How quickly it is made and written. @default as quickly as can be */
  readonly pace?: Pick<Pace, 'pieceBytes' | 'rest'>
}

/** A snapshot that is there. */
export interface SnapshotCandidate extends SnapshotName {
  /** For people: a path, or a place in a stream. */
  readonly name: string
  /** Names of all it is read from: a whole snapshot and the increments up to this one. */
  readonly parts: readonly string[]
}

export interface SnapshotStore<Candidate extends SnapshotCandidate = SnapshotCandidate> {
  /**
   * Writes a snapshot.
   * @param durable resolves when the ordinal is durable in the journal; before, there is no snapshot
   */
  write(shard: number, cut: SnapshotCut, durable: () => Promise<void>): Promise<void>
  /** Snapshots of a shard, newest first. */
  newest(shard: number): Promise<readonly Candidate[]>
  /**
   * Reads a snapshot block by block; of an increment, all blocks from the whole snapshot on.
   * @param nextPiece awaited before each piece that is read over a network. @default nobody waits
   * @throws OpenRefused damaged, with its place
   */
  read(
    shard: number,
    candidate: Candidate,
    onBlock: (block: Uint8Array) => void,
    nextPiece?: NextPiece,
  ): Promise<void>
  /** Removes all but the two newest chains. @returns the newest snapshot of each, newest first */
  prune(shard: number): Promise<readonly Candidate[]>
}

/** The newest snapshot of each chain. @param snapshots newest first; so are these */
export function chainEnds<Candidate extends SnapshotCandidate>(
  snapshots: readonly Candidate[],
): Candidate[] {
  const known = new Set<string>()
  return snapshots.filter(({ parts: [whole = ''] }) => !known.has(whole) && known.add(whole))
}
