/** Refusals of opening, in one wording. */
import type { Disk, DiskFile } from '../../env/env.js'
import { OpenRefused } from '../../errors.js'

/** What is there can't be what was written. Nothing is skipped, nothing guessed: a person decides. */
export function damage(file: string, offset: number, what: string): OpenRefused {
  return new OpenRefused(
    'damaged',
    `The data folder is damaged: ${what}, in ${file} at offset ${offset}. Restore it from a copy; nothing was changed.`,
    { file, offset },
  )
}

/**
 * Opens a file to read it; undefined when it is not there, or not any more.
 * @throws OpenRefused damaged when a folder stands in its place
 */
export async function openIfThere(disk: Disk, path: string): Promise<DiskFile | undefined> {
  try {
    return await disk.open(path, 'read')
  } catch (error) {
    const { code } = error as { code?: unknown }
    if (code === 'EISDIR') throw damage(path, 0, 'a folder stands where a file was')
    if (code === 'ENOENT') return undefined
    throw error
  }
}

/** A newer program wrote this. */
export function newerFormat(file: string, what: string, found: number, known: number): OpenRefused {
  return new OpenRefused(
    'newer_format',
    `${file}: the ${what} has format ${found}, this program knows ${known}. Install the newer program.`,
  )
}
