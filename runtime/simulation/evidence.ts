/**
 * Evidence of crashes: one counts only when a later opener finds what it left. A process that was
 * killed after it had closed, or before it had touched anything, is no evidence.
 */
import type { FaultCounts, FaultKind } from './faults.js'

export class CrashEvidence {
  private readonly counts: FaultCounts
  /** Crashes that struck an owner of the folder, since it was opened last. */
  private owners: FaultKind[] = []
  /** Crashes that struck processes which were opening it. */
  private openers: FaultKind[] = []
  private lastEpoch = 0

  constructor(counts: FaultCounts) {
    this.counts = counts
  }

  /** @param what whom the crash struck */
  struck(kind: FaultKind, what: 'owner' | 'opener'): void {
    if (what === 'owner') this.owners.push(kind)
    else this.openers.push(kind)
  }

  /** The folder is open again. @param clean true when the last owner had closed it */
  opened(epoch: number, clean: boolean): void {
    if (!clean) for (const kind of this.owners) this.counts.add(kind)
    // An opener leaves its number behind as soon as it has one.
    const left = Math.max(0, epoch - this.lastEpoch - 1)
    for (const kind of this.openers.slice(0, left)) this.counts.add(kind)
    this.lastEpoch = Math.max(epoch, this.lastEpoch)
    this.owners = []
    this.openers = []
  }
}
