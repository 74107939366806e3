/**
 * The backup of a data folder that nobody serves: made as its owner, so that nobody begins to serve it meanwhile.
 */
import { resolve as resolvePath } from 'node:path'
import type { Env } from '../env/env.js'
import { nodeEnv } from '../env/node-env.js'
import { OpenRefused } from '../errors.js'
import { Fence } from '../journal/file/fence.js'
import { readLineage } from '../journal/file/lineage.js'
import { acquireEpoch, Heartbeat, refuseInUse, releaseEpoch } from '../journal/file/ownership.js'
import { countingManifest } from '../journal/file/remains.js'
import type { BackupOptions, BackupReport } from './backups.js'
import { journalUpTo, stillContents } from './folder-contents.js'
import { FolderCopy } from './folder-copy.js'

export interface FolderBackupOptions extends BackupOptions {
  readonly dataDir: string
  /** The folder the backup makes. */
  readonly target: string
}

/**
 * Makes a backup of a data folder that no process is using, after it has read its whole journal.
 * @throws OpenRefused `damaged` with its place, `data_dir_in_use`, `newer_format`; `invalid_options` when there is
 *   no data folder
 * @throws Fault backup_…
 */
export function backupDataFolder(options: FolderBackupOptions): Promise<BackupReport> {
  return backupFolder(nodeEnv(), options)
}

/** As {@link backupDataFolder}, in any environment. */
export async function backupFolder(env: Env, options: FolderBackupOptions): Promise<BackupReport> {
  const { disk, clock } = env
  const begunAt = clock.monotonic()
  const dataDir = resolvePath(options.dataDir)
  const manifest = await countingManifest(disk, dataDir)
  if (manifest === undefined) {
    throw new OpenRefused('invalid_options', `There is no data folder ${dataDir}; check the path.`)
  }
  await refuseInUse(env, dataDir, 'stop that process, or ask it for the backup')
  const claim = await acquireEpoch(env, dataDir, false)
  const heartbeat = new Heartbeat(env, dataDir, claim.epoch)
  const fence = new Fence(disk, claim)
  try {
    const { epoch, heads, ends } = await readLineage(disk, dataDir, manifest)
    if (epoch === 0) {
      const sentence = `The data folder ${dataDir} was never opened to its end: there is nothing in it yet.`
      throw new OpenRefused('invalid_options', sentence)
    }
    const target = resolvePath(options.target)
    const check = (): void => fence.check()
    const copy = await FolderCopy.begin(disk, { ...options, dataDir, target, reserve: 0, check })
    try {
      const still = await stillContents(disk, dataDir, epoch)
      await copy.complete(still, await journalUpTo(disk, dataDir, still, ends))
    } catch (error) {
      // The reason matters more than files that could not be removed.
      await copy.discard().catch(() => undefined)
      throw error
    }
    const { files, bytes } = copy
    const ordinals = [...heads.values()].reduce((sum, { ordinal }) => sum + ordinal, 0)
    const seconds = (clock.monotonic() - begunAt) / 1000
    return { target, epoch, shards: manifest.shards, ordinals, files, bytes, pauseMs: 0, seconds }
  } finally {
    heartbeat.stop()
    await releaseEpoch(env, dataDir, claim.epoch)
  }
}
