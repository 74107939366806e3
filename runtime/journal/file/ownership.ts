/**
 * One owner per data folder: who may succeed whom.
 *
 *   the last owner is       its heartbeat     asked to take over │ decision
 *   ──────────────────────────────────────────────────────────────┼──────────────────────────
 *   nobody, or gone         any               any                │ open
 *   paused (stopped)        any               any                │ succeed: it is fenced when it resumes
 *   running                 fresh             any                │ refuse: in use
 *   running                 silent            no                 │ refuse: in use, say how to take over
 *   running                 silent            yes                │ succeed
 *   unknown (other machine) fresh             any                │ refuse: in use
 *   unknown (other machine) silent            any                │ succeed
 *
 * W1. Safety never rests on this table but on the fence: an owner that was succeeded finds the newer
 *     epoch file after its next sync and releases nothing.
 */
import type { Env } from '../../env/env.js'
import { OpenRefused } from '../../errors.js'
import { encodeRecord, epochPaths, folders, listEpochs, readOwner } from './records.js'

/** An owner says once a second that it lives; silent for this long it may be succeeded. */
export const heartbeatMs = 1_000
const silentMs = 10_000

/**
 * Becomes the owner: creates the next epoch file, exclusively.
 * @returns the new epoch
 * @throws OpenRefused data_dir_in_use
 */
export async function acquireEpoch(env: Env, dataDir: string, takeOver: boolean): Promise<number> {
  const { disk } = env
  const { owners } = await listEpochs(disk, dataDir)
  const last = owners[owners.length - 1] ?? 0
  if (last > 0) await assertFree(env, dataDir, last, takeOver)
  const path = epochPaths.owner(dataDir, last + 1)
  try {
    const file = await disk.open(path, 'create')
    await file.write(encodeRecord(env.processes.self), 0)
    await file.sync()
    await file.close()
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw error
    throw new OpenRefused(
      'data_dir_in_use',
      `Another process has just opened the data folder ${dataDir}; use another folder or stop that process.`,
    )
  }
  await disk.syncFolder(folders.epochs(dataDir))
  return last + 1
}

async function assertFree(
  env: Env,
  dataDir: string,
  epoch: number,
  takeOver: boolean,
): Promise<void> {
  if (env.disk.existsNow(epochPaths.closed(dataDir, epoch))) return
  const path = epochPaths.owner(dataDir, epoch)
  const owner = await readOwner(env.disk, path)
  if (owner === undefined || env.disk.existsNow(epochPaths.released(dataDir, epoch))) return
  const fate = env.processes.fate(owner)
  if (fate === 'gone' || fate === 'paused') return
  const silent = (await env.disk.ageMs(path)) > silentMs
  if (silent && (fate === 'unknown' || takeOver)) return
  const how = silent
    ? 'It has been silent for a while: stop it, or take over (--take-over) and it is fenced off.'
    : 'Stop that process first, or use another folder.'
  throw new OpenRefused(
    'data_dir_in_use',
    `The data folder ${dataDir} is in use by process ${owner.pid}. ${how}`,
  )
}
