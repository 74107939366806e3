/** What a running runtime offers: the client of its actors, and what an operator asks of it. */
import type { BackupOptions, BackupReport } from './backup/backups.js'
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
   * Makes a backup of all that is durable now: a data folder of its own, as this one would be after a crash at one
   * moment between the call and its end. Whatever was acknowledged before the call is in it. Payments go on; only one
   * is made at a time. When it fails, nothing of it is left.
   * @param target the folder it makes: not there yet, outside the data folder
   * @throws Fault backup_running, backup_target_taken, backup_target_invalid, backup_no_space, backup_stalled,
   *   backup_failed; closed
   */
  backup(target: string, options?: BackupOptions): Promise<BackupReport>
  /**
   * Ends: answers what was asked before, makes everything durable, seals the journal, stops the threads. What is
   * asked from the call on is rejected with `closed`. Rejects with the reason when the journal could not be sealed:
   * the runtime has ended all the same, and the next start recovers.
   */
  close(): Promise<void>
}
