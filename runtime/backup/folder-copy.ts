/**
 * The copy of a data folder on its way: a folder beside the target that takes the target's name when it is whole.
 *
 * BK4. The target is there when the backup is whole and durable, and not before. What is left of one that was
 *      killed has another name. Its folder of snapshots comes first and its manifest last: it opens as damaged (Y2).
 * BK5. Bytes are copied in pieces and synced little by little: what is copied stays out of the way of the journal's
 *      own syncs (N11).
 */
import { dirname, join, relative, sep } from 'node:path'
import type { Disk, DiskFile } from '../env/env.js'
import { Fault, SuanpanError } from '../errors.js'
import { epochPaths, manifestPath } from '../journal/file/names.js'
import { recordFormat, writeRecord, type CloseRecord } from '../journal/file/records.js'
import type { ContentFile, JournalContents, StillContents } from './folder-contents.js'

/** Bytes copied at once, and between syncs. */
const pieceBytes = 256 * 1024
const syncBytes = 1024 * 1024
/** Bytes between two looks at the room that is left. */
const roomBytes = 16 * 1024 * 1024
const snapshotsName = 'snapshots'
const zeros = Buffer.alloc(pieceBytes)

/** How far a copy is. */
export interface BackupProgress {
  /** Bytes copied, and of how many. */
  readonly bytes: number
  readonly bytesTotal: number
}

export interface CopyOptions {
  readonly dataDir: string
  /** Absolute path of the backup. */
  readonly target: string
  /** Folder that the backup has to lie in. @default anywhere outside the data folder */
  readonly within?: string | undefined
  /** Bytes that have to stay free for whoever writes to the data folder. */
  readonly reserve: number
  /** Asked between any two pieces. @throws what ends the copy */
  readonly check: () => void
  readonly onProgress?: ((progress: BackupProgress) => void) | undefined
}

export class FolderCopy {
  /** Files and bytes copied so far. */
  files = 0
  bytes = 0
  private bytesTotal = 0
  private nextLook = 0
  /** Whether it has the target's name. */
  private named = false
  private readonly part: string
  /** Folders made, the inner ones last. */
  private readonly made: string[] = []
  private readonly disk: Disk
  private readonly options: CopyOptions

  private constructor(disk: Disk, options: CopyOptions) {
    this.disk = disk
    this.options = options
    this.part = partOf(options.target)
  }

  /**
   * Makes the folder the copy grows in.
   * @throws Fault backup_target_taken, backup_target_invalid, backup_failed
   */
  static async begin(disk: Disk, options: CopyOptions): Promise<FolderCopy> {
    const copy = new FolderCopy(disk, options)
    try {
      await checkTarget(disk, options)
      for (const folder of [copy.part, join(copy.part, snapshotsName)]) {
        await disk.makeNewFolder(folder)
        copy.made.push(folder)
      }
      await disk.syncFolder(copy.part)
    } catch (error) {
      if (copy.made.length > 0) await copy.discard().catch(() => undefined)
      throw codeOf(error) === 'EEXIST' ? partTaken(copy.part) : copy.faultOf(error)
    }
    return copy
  }

  /** Copies all of it, durably, and gives it its name. @throws Fault */
  async complete(still: StillContents, { segments, ends }: JournalContents): Promise<void> {
    const { disk, part } = this
    const { dataDir, target, check } = this.options
    try {
      const files = [...still.records, ...segments, ...still.snapshots]
      await this.measure(files)
      await this.copyAll(files)
      // Nor has the copy an owner, where that of the original lives (ownership.ts).
      const closed: CloseRecord = { format: recordFormat, epoch: still.epoch, lanes: ends }
      if (!still.closed) await writeRecord(disk, epochPaths.closed(part, still.epoch), closed)
      for (const folder of this.made.slice().reverse()) await this.endFolder(folder)
      await writeRecord(disk, manifestPath(part), still.manifest)
      await disk.copyMode(manifestPath(dataDir), manifestPath(part))
      check()
      if (disk.existsNow(target)) throw taken(target)
      await disk.rename(part, target)
      this.named = true
      await disk.syncFolder(dirname(target))
    } catch (error) {
      throw this.faultOf(error)
    }
  }

  /** Takes away what was copied. */
  async discard(): Promise<void> {
    await this.disk.removeTree(this.named ? this.options.target : this.part)
  }

  private async copyAll(files: readonly ContentFile[]): Promise<void> {
    const { dataDir } = this.options
    for (const file of files) {
      const to = join(this.part, relative(dataDir, file.path))
      await this.makeAround(to)
      await this.copyFile(file, to)
      this.files++
    }
  }

  /** Makes the folders around a file, as they are in the data folder. */
  private async makeAround(path: string): Promise<void> {
    const folder = dirname(path)
    if (this.made.includes(folder)) return
    await this.makeAround(folder)
    await this.disk.makeNewFolder(folder)
    this.made.push(folder)
  }

  /** What is in a folder is there: it is made durable, and has the permissions of the one it was made from. */
  private async endFolder(folder: string): Promise<void> {
    const { dataDir } = this.options
    const from = join(dataDir, relative(this.part, folder))
    await this.disk.copyMode(this.disk.existsNow(from) ? from : dataDir, folder)
    await this.disk.syncFolder(folder)
  }

  private async measure(files: readonly ContentFile[]): Promise<void> {
    for (const { path, bytes } of files) {
      const file = await this.disk.open(path, 'read')
      const size = await file.size().finally(() => file.close())
      this.bytesTotal += Math.min(bytes ?? size, size)
    }
    await this.lookForRoom()
  }

  private async lookForRoom(): Promise<void> {
    const { target, reserve } = this.options
    const missing = this.bytesTotal - this.bytes + reserve
    if ((await this.disk.freeBytes(this.part)) < missing) throw noSpace(target, missing)
    this.nextLook = this.bytes + roomBytes
  }

  private async copyFile({ path, bytes = Infinity, seal }: ContentFile, to: string): Promise<void> {
    const source = await this.disk.open(path, 'read')
    try {
      const size = await source.size()
      const file = await this.disk.open(to, 'create')
      try {
        await this.copyBytes(source, file, Math.min(bytes, size), size)
        if (seal !== undefined) await file.write(seal, bytes)
        await file.sync()
      } finally {
        await file.close()
      }
    } finally {
      await source.close()
    }
    await this.disk.copyMode(path, to)
  }

  /** Copies so many bytes, and makes the file as long as it was with zeros, of which none is written that need not be. */
  private async copyBytes(
    source: DiskFile,
    file: DiskFile,
    count: number,
    size: number,
  ): Promise<void> {
    let written = 0
    let unsynced = 0
    for (let at = 0; at < count;) {
      this.options.check()
      const piece = await source.read(at, Math.min(pieceBytes, count - at))
      if (piece.length === 0) throw new Error('it is shorter than it was')
      at += piece.length
      this.bytes += piece.length
      if (zeros.compare(piece, 0, piece.length, 0, piece.length) !== 0) {
        await file.write(piece, at - piece.length)
        written = at
        unsynced += piece.length
      }
      if (unsynced >= syncBytes) {
        await file.sync()
        unsynced = 0
      }
      if (this.bytes >= this.nextLook) await this.lookForRoom()
      this.options.onProgress?.({ bytes: this.bytes, bytesTotal: this.bytesTotal })
    }
    if (written < size) await file.write(zeros.subarray(0, 1), size - 1)
  }

  private faultOf(error: unknown): unknown {
    if (error instanceof SuanpanError) return error
    const { target } = this.options
    const code = codeOf(error)
    const reason = error instanceof Error ? error.message : String(error)
    if (code === 'ENOSPC' || code === 'EDQUOT') return noSpace(target, undefined, error)
    const sentence = `The backup ${target} could not be made: ${reason}. Nothing of it is kept; see to that, then ask again.`
    return new Fault('backup_failed', sentence, { cause: error })
  }
}

/** Where a backup grows. */
export function partOf(target: string): string {
  return `${target}.part`
}

/** @throws Fault backup_target_taken, backup_target_invalid */
async function checkTarget(disk: Disk, { dataDir, target, within }: CopyOptions): Promise<void> {
  const around = dirname(target)
  // Before anything is said of what is there.
  if (within !== undefined && !leadsInto(within, around)) throw outside(target, within)
  if (disk.existsNow(target)) throw taken(target)
  if (!disk.existsNow(around)) {
    const sentence = `There is no folder ${around} to put the backup into; make it, or mount it, then ask again.`
    throw new Fault('backup_target_invalid', sentence)
  }
  const place = await disk.realPath(around)
  if (within !== undefined && !leadsInto(await disk.realPath(within), place))
    throw outside(target, within)
  if (!leadsInto(await disk.realPath(dataDir), place)) return
  throw new Fault(
    'backup_target_invalid',
    `${target} lies inside the data folder ${dataDir}; name a folder outside of it, on another disk best.`,
  )
}

/** True for a folder itself and what is in it. */
function leadsInto(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way !== '..' && !way.startsWith(`..${sep}`) && !way.startsWith(sep)
}

function outside(target: string, within: string): Fault {
  const sentence = `${target} is not in ${within}, where this node makes its backups; name a new folder in that.`
  return new Fault('backup_target_invalid', sentence)
}

function taken(target: string): Fault {
  const sentence = `${target} exists already; name a folder that does not, the backup makes it.`
  return new Fault('backup_target_taken', sentence)
}

function partTaken(part: string): Fault {
  const sentence = `${part} exists already: another backup is being written there, or one was killed there. Remove it if nobody writes to it, then ask again.`
  return new Fault('backup_target_taken', sentence)
}

function noSpace(target: string, missing: number | undefined, cause?: unknown): Fault {
  const what =
    missing === undefined
      ? ''
      : `, which takes ${Math.ceil(missing / 1048576)} MiB more, what the node itself needs next included`
  const sentence = `There is no room for the backup ${target}${what}. Make room, or name a folder on another disk, then ask again.`
  return new Fault('backup_no_space', sentence, { cause })
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code
}
