/**
 * The fence: whether this process still owns its epoch.
 *
 * Z1. Whoever opens the folder creates the next epoch's file before it reads anything. So an owner that
 *     looks after its sync, and sees none, knows that any later opener will read what it wrote.
 * Z2. Epoch files are removed from the oldest on, so while an owner's own are there, the next one is too
 *     if it ever was. Its own is the *claim*, which bears a mark of its opener: a slow opener that
 *     chose the same number can put the epoch's file back after it was removed, but not the claim.
 */
import type { Disk } from '../../env/env.js'
import { Fault } from '../../errors.js'
import { epochPaths } from './names.js'

/** What an owner knows itself by. */
export interface Claim {
  readonly dataDir: string
  readonly epoch: number
  /** Path of the claim (Z2). */
  readonly claim: string
}

export class Fence {
  private readonly disk: Disk
  private readonly claim: string
  private readonly next: string

  constructor(disk: Disk, { dataDir, epoch, claim }: Claim) {
    this.disk = disk
    this.claim = claim
    this.next = epochPaths.owner(dataDir, epoch + 1)
  }

  /** @throws Fault fenced */
  check(): void {
    if (!this.disk.existsNow(this.next) && this.disk.existsNow(this.claim)) return
    throw new Fault('fenced')
  }
}
