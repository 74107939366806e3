/**
 * What lies together in a data folder, whatever happened to it. Looked at before anything is written,
 * so that a folder that lost its greater part is not taken for a new one.
 *
 * Y1. A manifest is written behind the first epoch's file, and the newest of those always stays: a
 *     manifest alone means that the epochs are gone, and the journal with them.
 * Y2. Snapshots are made behind the manifest: where their folder is, a missing manifest is gone.
 */
import { join } from 'node:path'
import type { Disk } from '../../env/env.js'
import { damage } from './damage.js'
import { listFolder } from './lineage.js'
import { folders, manifestPath } from './names.js'
import { readRecord, type Manifest } from './records.js'

/**
 * Reads the manifest of a folder; undefined for a new one.
 * @throws OpenRefused damaged, newer_format
 */
export async function readManifest(disk: Disk, dataDir: string): Promise<Manifest | undefined> {
  const path = manifestPath(dataDir)
  const manifest = await readRecord<Manifest>(disk, path)
  if (manifest !== undefined) {
    const { epochFiles } = await listFolder(disk, dataDir)
    if (epochFiles.length > 0) return manifest
    throw damage(folders.epochs(dataDir), 0, 'a manifest without any epoch: the journal is gone')
  }
  if (!disk.existsNow(join(dataDir, 'snapshots'))) return undefined
  // Another opener of a new folder may have come so far since the first look.
  const later = await readRecord<Manifest>(disk, path)
  if (later === undefined) throw damage(path, 0, 'the manifest is missing')
  return later
}
