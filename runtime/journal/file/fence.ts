/**
 * The fence: whether this process still owns its epoch.
 *
 * Z1. Whoever opens the folder creates the next epoch's file before it reads anything. So an owner that
 *     looks after its sync, and sees none, knows that any later opener will read what it wrote.
 * Z2. Epoch files are removed from the oldest on, so while an owner's own are there, the next one is too
 *     if it ever was. Its own is the *claim*, which bears a mark of its opener: a slow opener that
 *     chose the same number can put the epoch's file back after it was removed, but not the claim.
 * Z3. Where not even the folder of the epoch files is there, nobody took it over: it was removed,
 *     renamed or unmounted, and the owner says that. It stops all the same.
 */
import type { Disk } from '../../env/env.js'
import { Fault } from '../../errors.js'
import { epochPaths, folders } from './names.js'

/** What an owner knows itself by. */
export interface Claim {
  readonly dataDir: string
  readonly epoch: number
  /** Path of the claim (Z2). */
  readonly claim: string
}

export class Fence {
  private readonly disk: Disk
  private readonly dataDir: string
  private readonly claim: string
  private readonly next: string

  constructor(disk: Disk, { dataDir, epoch, claim }: Claim) {
    this.disk = disk
    this.dataDir = dataDir
    this.claim = claim
    this.next = epochPaths.owner(dataDir, epoch + 1)
  }

  /** @throws Fault fenced, journal_failed when the folder is gone */
  check(): void {
    if (!this.disk.existsNow(this.next) && this.disk.existsNow(this.claim)) return
    if (!this.disk.existsNow(folders.epochs(this.dataDir))) throw gone(this.dataDir)
    throw new Fault('fenced')
  }
}

function gone(dataDir: string): Fault {
  return new Fault(
    'journal_failed',
    `The data folder ${dataDir} is not there any more: it was removed, renamed or unmounted. Nothing is acknowledged any more; bring it back and start again.`,
  )
}
