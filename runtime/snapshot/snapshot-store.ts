/**
 * The port to where snapshots are kept: files beside the journal, or a stream of NATS.
 *
 * N7. What `newest` lists may still turn out damaged when it is read; then the older one counts, and
 *     the journal reaches back to it. `write` resolves only when the snapshot can be read again.
 */

/** A shard's state at an ordinal, as blocks that are made while they are written. */
export interface SnapshotCut {
  readonly ordinal: number
  readonly epoch: number
  readonly blocks: Iterable<Uint8Array>
}

/** A snapshot that is there. */
export interface SnapshotCandidate {
  /** For people: a path, or a place in a stream. */
  readonly name: string
  readonly ordinal: number
  readonly epoch: number
}

export interface SnapshotStore<Candidate extends SnapshotCandidate = SnapshotCandidate> {
  /**
   * Writes a snapshot.
   * @param durable resolves when the ordinal is durable in the journal; before, there is no snapshot
   */
  write(shard: number, cut: SnapshotCut, durable: () => Promise<void>): Promise<void>
  /** Snapshots of a shard, newest first. */
  newest(shard: number): Promise<readonly Candidate[]>
  /** Reads a snapshot block by block. @throws OpenRefused damaged, with its place */
  read(shard: number, candidate: Candidate, onBlock: (block: Uint8Array) => void): Promise<void>
  /** Removes all but the newest ones that are kept. @returns those, newest first */
  prune(shard: number): Promise<readonly Candidate[]>
}
