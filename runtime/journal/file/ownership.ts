/**
 * One owner per data folder: who may succeed whom.
 *
 *   the last owner is           its heartbeat      asked to take over │ decision
 *   ─────────────────────────────────────────────────────────────────┼─────────────────────────────────
 *   none: closed or released    any                any                │ open
 *   gone, or without identity   any                any                │ open
 *   paused (stopped)            any                any                │ succeed: fenced when it resumes
 *   any other                   any                yes                │ succeed: fenced after its next sync
 *   running                     any                no                 │ refuse: in use
 *   unknown (other machine      silent for > 10 s  no                 │ succeed
 *     or namespace)             heard              no                 │ refuse: in use
 *
 * O3. Safety never rests on this table but on the fence (Z1): an owner that was succeeded finds the
 *     newer epoch file after its next sync and releases nothing.
 * O4. Two openers at once: exclusive creation of the epoch file decides. Whoever wins makes its claim
 *     (Z2) before it looks whether others came in between.
 */
import { dirname } from 'node:path'
import type { Env, TimerHandle } from '../../env/env.js'
import { OpenRefused } from '../../errors.js'
import type { Claim } from './fence.js'
import { epochPaths, folders } from './names.js'
import { listFolder } from './lineage.js'
import {
  encodeRecord,
  listEpochs,
  readOwner,
  recordFormat,
  writeRecord,
  type OwnerRecord,
} from './records.js'

/** An owner says this often that it lives. */
const heartbeatMs = 1_000
/** Silent for this long, an owner nobody can see is believed dead: ten missed heartbeats. */
const silentMsMax = 10_000
/** How often a heartbeat is looked for. */
const watchMs = 500

/**
 * Becomes the owner: creates the next epoch's file, exclusively.
 * @returns the new epoch, claimed
 * @throws OpenRefused data_dir_in_use
 */
export async function acquireEpoch(env: Env, dataDir: string, takeOver: boolean): Promise<Claim> {
  const { epochFiles, segments } = await listFolder(env.disk, dataDir)
  const owners = epochFiles.filter(({ kind }) => kind === 'owner')
  const last = newest(owners)
  if (last > 0 && !takeOver) await assertFree(env, dataDir, last)
  // Numbers are never used twice, whatever is left of an epoch.
  const epoch = Math.max(newest(epochFiles), newest(segments)) + 1
  const claim = await createOwnerFile(env, dataDir, epoch)
  const later = newest((await listFolder(env.disk, dataDir)).epochFiles)
  if (later > epoch) {
    // We were so slow that others came in between; our number is an old one. Its file stays: it may be
    // the very one that fences the owner before us. The next opener removes it with that owner's.
    throw justOpened(dataDir)
  }
  return { dataDir, epoch, claim }
}

/** What is known of the owner of an epoch. */
export async function ownerOf(
  env: Env,
  dataDir: string,
  epoch: number,
): Promise<{ readonly pid: number | undefined; readonly fate: OwnerFate }> {
  const { disk } = env
  const left =
    disk.existsNow(epochPaths.closed(dataDir, epoch)) ||
    disk.existsNow(epochPaths.released(dataDir, epoch))
  const owner = await readOwner(disk, epochPaths.owner(dataDir, epoch))
  if (left) return { pid: owner?.pid, fate: 'none' }
  // One that died while it wrote its identity. If it lives after all, the fence stops it.
  if (owner === undefined) return { pid: undefined, fate: 'gone' }
  return { pid: owner.pid, fate: env.processes.fate(owner) }
}

/** As {@link ownerOf}; one that nobody can see is listened for, and is gone when it is silent. */
export async function listenedTo(
  env: Env,
  dataDir: string,
  epoch: number,
): Promise<{ readonly pid: number | undefined; readonly fate: OwnerFate }> {
  const owner = await ownerOf(env, dataDir, epoch)
  if (owner.fate !== 'unknown') return owner
  const silent = await isSilent(env, epochPaths.owner(dataDir, epoch))
  return silent ? { ...owner, fate: 'gone' } : owner
}

/** An owner in words. */
export function ownerInWords(
  env: Env,
  { pid, fate }: { readonly pid: number | undefined; readonly fate: OwnerFate },
): string {
  const who = pid === undefined ? 'another process' : `process ${pid}`
  if (fate === 'unknown') return `${who} on another machine or in another container`
  return pid === env.processes.self.pid && fate === 'running' ? `${who} (this one)` : who
}

/**
 * For who reads a folder as it is: an owner that writes meanwhile would look like damage. One that is paused may go
 * on any moment, and of one that nobody can see the heartbeat tells.
 * @param advice what to do, without a full stop
 * @throws OpenRefused data_dir_in_use
 */
export async function refuseInUse(env: Env, dataDir: string, advice: string): Promise<void> {
  const { owners } = await listEpochs(env.disk, dataDir)
  const last = owners[owners.length - 1]
  if (last === undefined) return
  const owner = await listenedTo(env, dataDir, last)
  if (owner.fate === 'none' || owner.fate === 'gone') return
  const paused = owner.fate === 'paused' ? ', which is paused and may go on at any time' : ''
  throw new OpenRefused(
    'data_dir_in_use',
    `The data folder ${dataDir} is in use by ${ownerInWords(env, owner)}${paused}; ${advice}.`,
  )
}

export type OwnerFate = 'none' | 'running' | 'paused' | 'gone' | 'unknown'

/** Ends ownership without a clean end: the next opener recovers. */
export async function releaseEpoch(env: Env, dataDir: string, epoch: number): Promise<void> {
  const record = { format: recordFormat, epoch }
  await writeRecord(env.disk, epochPaths.released(dataDir, epoch), record)
}

/** Touches the epoch's file as long as the owner lives. */
export class Heartbeat {
  private readonly env: Env
  private readonly path: string
  private timer: TimerHandle | undefined

  constructor(env: Env, dataDir: string, epoch: number) {
    this.env = env
    this.path = epochPaths.owner(dataDir, epoch)
    this.beat()
  }

  stop(): void {
    this.timer?.cancel()
    this.timer = undefined
  }

  private beat(): void {
    this.timer = this.env.timers.after(heartbeatMs, () => {
      this.beat()
      // A heartbeat is a courtesy; when the disk fails, the next append says so.
      this.env.disk.touch(this.path).catch(() => undefined)
    })
  }
}

async function assertFree(env: Env, dataDir: string, epoch: number): Promise<void> {
  const owner = await listenedTo(env, dataDir, epoch)
  if (owner.fate === 'none' || owner.fate === 'gone' || owner.fate === 'paused') return
  throw new OpenRefused(
    'data_dir_in_use',
    `The data folder ${dataDir} is in use by ${ownerInWords(env, owner)}. Stop it first, use another folder, or take this one over (takeOver of createRuntime, --take-over of suanpan start): that process is then fenced off and stops.`,
  )
}

/** Listens for a heartbeat of an owner nobody can see. @returns true when there is none */
async function isSilent(env: Env, path: string): Promise<boolean> {
  let age = await env.disk.ageMs(path)
  while (age <= silentMsMax) {
    await new Promise<void>((resolve) => env.timers.after(watchMs, resolve))
    const later = await env.disk.ageMs(path)
    // Only a touch makes a file younger, whatever the machines' clocks say.
    if (later < age) return false
    age = later
  }
  return true
}

/** @returns the path of the claim */
async function createOwnerFile(env: Env, dataDir: string, epoch: number): Promise<string> {
  const { disk } = env
  const path = epochPaths.owner(dataDir, epoch)
  const record: OwnerRecord = { format: recordFormat, epoch, ...env.processes.self }
  const file = await disk.open(path, 'create').catch((error: unknown) => {
    throw (error as { code?: string }).code === 'EEXIST' ? justOpened(dataDir) : error
  })
  try {
    await file.write(encodeRecord(record), 0)
    await file.sync()
  } finally {
    await file.close()
  }
  const mark = Buffer.from(env.chance.bytes(8)).toString('hex')
  const claim = epochPaths.claim(dataDir, epoch, mark)
  await (await disk.open(claim, 'create')).close()
  await disk.syncFolder(folders.epochs(dataDir))
  await disk.syncFolder(dirname(folders.epochs(dataDir)))
  return claim
}

function justOpened(dataDir: string): OpenRefused {
  return new OpenRefused(
    'data_dir_in_use',
    `Another process has just opened the data folder ${dataDir}; use another folder or stop that process.`,
  )
}

function newest(files: readonly { readonly epoch: number }[]): number {
  return files.reduce((highest, { epoch }) => Math.max(highest, epoch), 0)
}
