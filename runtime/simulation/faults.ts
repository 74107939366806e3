/**
 * The kinds of faults, and how often each of them bit. A fault counts only when it changed what a
 * recovery or a receiver saw: an order that came out right by itself is no evidence.
 */

/** What each fault is. */
export const faultKinds = {
  kill: 'a process dies; what it had written stays, synced or not',
  power_loss: 'the machine dies; only what was synced is certain',
  crash_in_recovery: 'a process dies while it opens the data folder',
  pause: 'a process stands still and does not know',
  take_over: 'a second owner opens the folder while the first one lives',
  clock_skew: 'a process begins with a wrong wall clock',
  clock_jump: 'the wall clock of a process jumps',
  message_loss: 'a batch between threads is lost',
  message_duplicate: 'a batch between threads arrives twice',
  message_delay: 'a batch between threads comes late',
  message_reorder: 'a batch between threads is overtaken',
  partition_one_way: 'one thread does not hear another for a while',
  partition_two_way: 'two threads do not hear each other for a while',
  answer_loss: 'a batch of answers to the client is lost',
  torn_write: 'a write that was under way is there in part',
  short_write: 'a write stops half way with an error',
  pages_reordered: 'later sectors of an unsynced write persist, earlier ones do not',
  unsynced_data_lost: 'bytes that were written but not synced are gone',
  unsynced_folder_lost: 'a folder that was made but not synced is gone, with all that is in it',
  unsynced_name_lost: 'a creation, rename or removal that was not synced is undone',
  sync_error_once: 'one sync fails, the next would not',
  sync_error_for_ever: 'every sync fails from now on',
  disk_full: 'no space is left',
  slow_disk: 'the disk takes very long',
  bit_rot: 'a bit on the disk flips',
  snapshot_rot: 'a bit of the newest of two snapshots flips',
  misdirected_write: 'a write lands in another place',
  lying_sync: 'a sync says done and is not',
} as const

export type FaultKind = keyof typeof faultKinds

/** Counts the faults that bit. */
export class FaultCounts<Kind extends string = FaultKind> {
  private readonly counts = new Map<Kind, number>()

  add(kind: Kind, count = 1): void {
    this.counts.set(kind, this.of(kind) + count)
  }

  of(kind: Kind): number {
    return this.counts.get(kind) ?? 0
  }

  all(): Partial<Record<Kind, number>> {
    const sorted = [...this.counts].sort(([a], [b]) => (a < b ? -1 : 1))
    return Object.fromEntries(sorted) as Partial<Record<Kind, number>>
  }
}
