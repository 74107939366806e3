/** Removing a file that somebody else, an overtaken owner or its successor, may have removed before. */
import type { Disk } from './env.js'

/** Removes a file; nothing when it is not there, or not any more. */
export async function removeIfThere(disk: Disk, path: string): Promise<void> {
  await disk.remove(path).catch((error: unknown) => {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error
  })
}
