/**
 * The fence: whether this process still owns its epoch.
 *
 * Z1. Whoever opens the folder creates the next epoch's file before it reads anything. So an owner that
 *     looks after its sync, and sees none, knows that any later opener will read what it wrote.
 */
import type { Disk } from '../../env/env.js'
import { Fault } from '../../errors.js'
import { epochPaths } from './names.js'

export class Fence {
  private readonly disk: Disk
  private readonly own: string
  private readonly next: string

  constructor(disk: Disk, dataDir: string, epoch: number) {
    this.disk = disk
    this.own = epochPaths.owner(dataDir, epoch)
    this.next = epochPaths.owner(dataDir, epoch + 1)
  }

  /** @throws Fault fenced */
  check(): void {
    // Epoch files go from the oldest on: while ours is there, so is the next one if it ever was.
    if (!this.disk.existsNow(this.next) && this.disk.existsNow(this.own)) return
    throw new Fault('fenced')
  }
}
