/**
 * Snapshots as files: written under a temporary name, synced, renamed, the folder synced; two chains kept.
 *
 * N3. A file without its last block, or with a wrong checksum, is no snapshot; an older one is used.
 * N4. A snapshot gets its name only when the ordinal it was cut at is durable.
 * N17. A snapshot says whose it is: one that came from another data folder is no snapshot here.
 * N11. A file is synced little by little: a sync of megabytes would make those of the journal wait.
 * N16. What an owner that was killed left half written goes before the next snapshot of its shard is
 *      written. A paused one that wakes up over a file that is gone so has been succeeded.
 *
 *   magic "SUANSNP2", whose (16 bytes), then blocks: length u32, CRC u32, content
 *   The first version had the magic "SUANSNAP" and blocks at once; it is still read.
 *
 * The name of an increment names the one it follows too.
 */
import { crc32 } from 'node:zlib'
import { join } from 'node:path'
import type { Disk, DiskFile } from '../env/env.js'
import { removeIfThere } from '../env/remove-if-there.js'
import { Fault, OpenRefused } from '../errors.js'
import { limits } from '../limits.js'
import { grown, SpareBuffers } from '../spare-buffers.js'
import { AheadReader } from './ahead-reader.js'
import {
  chainEnds,
  type SnapshotCandidate,
  type SnapshotCut,
  type SnapshotName,
  type SnapshotStore,
} from './snapshot-store.js'

/** A snapshot found on disk. */
export interface SnapshotFile extends SnapshotCandidate {
  /** Its newest file. */
  readonly path: string
}

/** Snapshots as files in a folder per shard. */
export class FileSnapshots implements SnapshotStore<SnapshotFile> {
  private readonly disk: Disk
  private readonly folder: string
  private readonly owner: Uint8Array

  /**
   * @param folder around the folders of the shards
   * @param owner 16 bytes that tell the data folder from any other
   */
  constructor(disk: Disk, folder: string, owner: Uint8Array) {
    this.disk = disk
    this.folder = folder
    this.owner = owner
  }

  write(shard: number, cut: SnapshotCut, durable: () => Promise<void>): Promise<void> {
    const head = Buffer.concat([magic, this.owner], headBytes)
    return writeSnapshot(this.disk, snapshotFolder(this.folder, shard), cut, head, durable)
  }

  newest(shard: number): Promise<readonly SnapshotFile[]> {
    return listSnapshots(this.disk, snapshotFolder(this.folder, shard))
  }

  async read(
    _: number,
    { parts }: SnapshotFile,
    onBlock: (block: Uint8Array) => void,
  ): Promise<void> {
    for (const path of parts) await readSnapshot(this.disk, path, onBlock, this.owner)
  }

  prune(shard: number): Promise<readonly SnapshotFile[]> {
    return removeOldSnapshots(this.disk, snapshotFolder(this.folder, shard))
  }
}

/** Folder of one shard's snapshots. */
export function snapshotFolder(snapshots: string, shard: number): string {
  return join(snapshots, String(shard).padStart(5, '0'))
}

const blockHeaderBytes = 8
/** Bytes gathered before a write where nobody sets the pace. */
const writeBytes = 512 * 1024
/** Where writes are gathered: each has room for a small piece and a block more, and grows. */
const gathering = new SpareBuffers(384 * 1024)
/** Bytes between two syncs (N11). */
const syncBytes = 512 * 1024
const magic = Buffer.from('SUANSNP2')
const firstMagic = Buffer.from('SUANSNAP')
const headBytes = magic.length + 16

/** Snapshots of one shard, newest first. Temporary and foreign files, and increments to nothing, are passed over. */
export async function listSnapshots(disk: Disk, folder: string): Promise<SnapshotFile[]> {
  return snapshotsAmong(folder, await disk.list(folder))
}

/** @param names sorted: they begin with the ordinal, so what an increment follows comes before it */
function snapshotsAmong(folder: string, names: readonly string[]): SnapshotFile[] {
  const found: SnapshotFile[] = []
  const byName = new Map<string, SnapshotFile>()
  for (const name of names) {
    const file = parseName(name)
    if (file === undefined) continue
    const before = file.follows === undefined ? [] : byName.get(nameOf(file.follows))?.parts
    if (before === undefined) continue
    const path = join(folder, name)
    const { ordinal, epoch } = file
    const snapshot = { name: path, path, ordinal, epoch, parts: [...before, path] }
    byName.set(nameOf(snapshot), snapshot)
    found.push(snapshot)
  }
  return found.sort((a, b) => b.ordinal - a.ordinal || b.epoch - a.epoch)
}

/**
 * What a shard lacks whose journal begins behind all that its snapshots give.
 * @param reached ordinal they give
 * @param next ordinal from which on the journal is there
 */
export async function snapshotMissing(
  disk: Disk,
  folder: string,
  {
    shard,
    reached,
    next,
  }: { readonly shard: number; readonly reached: number; readonly next: number },
): Promise<OpenRefused> {
  const files = (await disk.list(folder)).flatMap((name) => {
    const file = parseName(name)
    return file === undefined ? [] : [{ ...file, name }]
  })
  const there = new Set(files.map(nameOf))
  const lonely = files.findLast(
    ({ follows }) => follows !== undefined && !there.has(nameOf(follows)),
  )
  const file =
    lonely?.follows === undefined ? folder : join(folder, `${nameOf(lonely.follows)}.snap`)
  const what =
    lonely === undefined
      ? `no snapshot in ${folder} reaches that far`
      : `the snapshot ${file} is missing, which ${lonely.name} follows`
  return new OpenRefused(
    'damaged',
    `The journal of shard ${shard} goes on at ordinal ${next}, and of those before only ${reached} are there: ${what}. Restore it from a copy; nothing was changed.`,
    { file, offset: 0 },
  )
}

function parseName(name: string): (SnapshotName & { follows?: SnapshotName }) | undefined {
  const match = /^(\d{16})-(\d{8})(?:-after-(\d{16})-(\d{8}))?\.snap$/.exec(name)
  if (match === null) return undefined
  const [, ordinal, epoch, ...after] = match
  const own = { ordinal: Number(ordinal), epoch: Number(epoch) }
  if (after[0] === undefined) return own
  return { ...own, follows: { ordinal: Number(after[0]), epoch: Number(after[1]) } }
}

function nameOf({ ordinal, epoch }: SnapshotName): string {
  return `${String(ordinal).padStart(16, '0')}-${String(epoch).padStart(8, '0')}`
}

/**
 * Writes a snapshot.
 * @param durable resolves when the ordinal is durable in the journal
 */
async function writeSnapshot(
  disk: Disk,
  folder: string,
  cut: SnapshotCut,
  head: Uint8Array,
  durable: () => Promise<void>,
): Promise<void> {
  const after = cut.follows === undefined ? '' : `-after-${nameOf(cut.follows)}`
  const path = join(folder, `${nameOf(cut)}${after}.snap`)
  const temporary = `${path}.${cut.epoch}.tmp`
  await disk.makeFolder(folder)
  await removeUnfinished(disk, folder, cut.epoch)
  const file = await disk.open(temporary, 'create')
  const writer = new GatheredWrites(file, head)
  try {
    for (const block of cut.blocks) {
      writer.add(block)
      if (writer.bytes < (cut.pace?.pieceBytes ?? writeBytes)) continue
      await writer.write()
      await cut.pace?.rest()
    }
    await writer.write()
    await file.sync()
  } finally {
    await file.close()
    writer.end()
  }
  await durable()
  await disk.rename(temporary, path).catch((error: unknown) => {
    // Only a later owner removes it (N16), and it leaves the folder.
    const removed = (error as { code?: unknown }).code === 'ENOENT' && disk.existsNow(folder)
    throw removed ? new Fault('fenced', undefined, { cause: error }) : error
  })
  await disk.syncFolder(folder)
}

/** Removes the temporary files of owners up to this one, which writes one at a time for a shard. */
async function removeUnfinished(disk: Disk, folder: string, epoch: number): Promise<void> {
  for (const name of await disk.list(folder)) {
    const writer = /\.snap\.(\d+)\.tmp$/.exec(name)?.[1]
    if (writer !== undefined && Number(writer) <= epoch)
      await removeIfThere(disk, join(folder, name))
  }
}

/** Blocks on their way into a file: gathered in memory that is used again, and synced as they come. */
class GatheredWrites {
  /** Bytes gathered since the last write. */
  bytes = 0
  private readonly file: DiskFile
  private buffer = gathering.take()
  private position = 0
  private unsynced = 0

  constructor(file: DiskFile, head: Uint8Array) {
    this.file = file
    this.put(head)
  }

  add(block: Uint8Array): void {
    const header = Buffer.allocUnsafe(blockHeaderBytes)
    header.writeUInt32LE(block.length, 0)
    header.writeUInt32LE(crc32(block), 4)
    this.put(header)
    this.put(block)
  }

  /** Writes what was gathered. */
  async write(): Promise<void> {
    await this.file.write(this.buffer.subarray(0, this.bytes), this.position)
    this.position += this.bytes
    this.unsynced += this.bytes
    this.bytes = 0
    if (this.unsynced < syncBytes) return
    await this.file.sync()
    this.unsynced = 0
  }

  /** Nothing is being written any more. */
  end(): void {
    gathering.give(this.buffer)
  }

  private put(bytes: Uint8Array): void {
    const end = this.bytes + bytes.length
    if (end > this.buffer.length) this.buffer = grown(this.buffer, this.bytes, end)
    this.buffer.set(bytes, this.bytes)
    this.bytes = end
  }
}

/** Removes all but the newest chains that are kept, also increments that follow nothing any more. */
async function removeOldSnapshots(disk: Disk, folder: string): Promise<SnapshotFile[]> {
  const names = await disk.list(folder)
  const kept = chainEnds(snapshotsAmong(folder, names)).slice(0, limits.snapshotsKept)
  const wanted = new Set(kept.flatMap(({ parts }) => parts))
  for (const name of names) {
    const path = join(folder, name)
    if (parseName(name) !== undefined && !wanted.has(path)) await removeIfThere(disk, path)
  }
  return kept
}

/**
 * Reads a snapshot block by block.
 * @param owner whose it must be; absent: anybody's
 * @throws OpenRefused damaged, with file and offset, when a checksum does not fit
 */
export async function readSnapshot(
  disk: Disk,
  path: string,
  onBlock: (block: Uint8Array) => void,
  owner?: Uint8Array,
): Promise<void> {
  const file = await disk.open(path, 'read').catch((error: unknown) => {
    const { code } = error as { code?: unknown }
    // A folder in its place, or a link that leads nowhere.
    throw code === 'EISDIR' || code === 'ENOENT' ? damaged(path, 0) : error
  })
  let reader: AheadReader | undefined
  try {
    const size = await file.size()
    reader = new AheadReader(file, size)
    const head = await reader.next(headBytes)
    let position = firstBlock(path, head, owner)
    reader.seek(position)
    while (position < size) {
      const header = await reader.next(blockHeaderBytes)
      const length = header.length < blockHeaderBytes ? Infinity : header.readUInt32LE(0)
      if (position + blockHeaderBytes + length > size) throw damaged(path, position)
      const block = await reader.next(length)
      if (block.length < length || crc32(block) !== header.readUInt32LE(4)) {
        throw damaged(path, position)
      }
      onBlock(block)
      position += blockHeaderBytes + length
    }
  } finally {
    await reader?.end()
    await file.close()
  }
}

/** Where the blocks begin. @throws OpenRefused damaged */
function firstBlock(path: string, head: Buffer, owner: Uint8Array | undefined): number {
  const found = head.subarray(0, magic.length)
  if (found.equals(firstMagic)) return magic.length
  if (!found.equals(magic) || head.length < headBytes) throw damaged(path, 0)
  if (owner === undefined || head.subarray(magic.length).equals(owner)) return headBytes
  const offset = magic.length
  const what = `The snapshot ${path} belongs to another data folder (offset ${offset}).`
  throw new OpenRefused('damaged', what, { file: path, offset })
}

function damaged(path: string, offset: number): OpenRefused {
  return new OpenRefused('damaged', `The snapshot ${path} is damaged at offset ${offset}.`, {
    file: path,
    offset,
  })
}
