/**
 * Making folders so that they are there for certain after a power loss.
 *
 * M1. A folder is durable when the one around it is synced. Folders are made from the outside in, each
 *     durable before the next is made in it.
 * M2. So of the folders that are there already only the innermost may not be durable yet: whoever made
 *     it may have died before the sync. It is synced again.
 */
import { dirname } from 'node:path'

/** What making folders takes. */
export interface FolderSteps {
  exists(path: string): boolean
  /** Makes one folder; nothing when it is there. */
  make(path: string): Promise<void>
  syncFolder(path: string): Promise<void>
}

/** Makes a folder, and those around it, durably. */
export async function makeFolderDurably(steps: FolderSteps, path: string): Promise<void> {
  const around = dirname(path)
  if (around === path) return
  if (!steps.exists(path)) {
    await makeFolderDurably(steps, around)
    await steps.make(path)
  }
  await steps.syncFolder(around)
}
