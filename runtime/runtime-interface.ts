/** What a running runtime offers: the client of its actors, and what an operator asks of it. */
import type { RuntimeClient, ShardStatus } from './actor/client.js'
import type { RecoveryReport } from './journal/journal.js'

/** A running runtime. */
export interface Runtime extends RuntimeClient {
  /** What opening the data folder found. */
  readonly recovery: RecoveryReport
  /** Fencing number of this owner of the folder. */
  readonly epoch: number
  readonly threads: number
  /** True while requests are served: recovered, not closed, not failed, clock believed, a disk that takes writes. */
  ready(): Promise<boolean>
  /**
   * Status of every shard, at one moment each; waits until what it shows is durable.
   * @param options without tallies it is quick, however much the tallies hold; with `waitMs` shards that write for
   *   longer are left out: the disk may take nothing for long
   */
  shardStatus(options?: { tallies?: boolean; waitMs?: number }): Promise<ShardStatus[]>
  /**
   * Writes snapshots of all shards, so that the next start is quick. A thread whose shards are being snapshotted
   * finishes that round, and begins none anew.
   */
  snapshot(): Promise<void>
  /**
   * Ends: answers what was asked before, makes everything durable, seals the journal, stops the threads. What is
   * asked from the call on is rejected with `closed`. Rejects with the reason when the journal could not be sealed:
   * the runtime has ended all the same, and the next start recovers.
   */
  close(): Promise<void>
}
