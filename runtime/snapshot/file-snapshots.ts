/**
 * Snapshots as files: written under a temporary name, synced, renamed, the folder synced; two kept.
 *
 * N3. A file without its last block, or with a wrong checksum, is no snapshot; the older one is used.
 * N4. A snapshot gets its name only when the ordinal it was cut at is durable.
 * N7. A snapshot says whose it is: one that came from another data folder is no snapshot here.
 *
 *   magic "SUANSNP2", whose (16 bytes), then blocks: length u32, CRC u32, content
 *   The first version had the magic "SUANSNAP" and blocks at once; it is still read.
 */
import { crc32 } from 'node:zlib'
import { join } from 'node:path'
import type { Disk } from '../env/env.js'
import { removeIfThere } from '../env/remove-if-there.js'
import { OpenRefused } from '../errors.js'
import { limits } from '../limits.js'
import type { SnapshotCandidate, SnapshotCut, SnapshotStore } from './snapshot-store.js'

/** A snapshot found on disk. */
export interface SnapshotFile extends SnapshotCandidate {
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

  read(_: number, { path }: SnapshotFile, onBlock: (block: Uint8Array) => void): Promise<void> {
    return readSnapshot(this.disk, path, onBlock, this.owner)
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
/**
 * Bytes gathered before a write. Under load each one waits for its turn of the event loop: many small
 * ones made a round of snapshots take minutes, and the journal to be replayed long.
 */
const writeBytesMin = 512 * 1024
const magic = Buffer.from('SUANSNP2')
const firstMagic = Buffer.from('SUANSNAP')
const headBytes = magic.length + 16

/** Snapshots of one shard, newest first. Temporary and foreign files are passed over. */
export async function listSnapshots(disk: Disk, folder: string): Promise<SnapshotFile[]> {
  const found: SnapshotFile[] = []
  for (const name of await disk.list(folder)) {
    const match = /^(\d{16})-(\d{8})\.snap$/.exec(name)
    if (match === null) continue
    const path = join(folder, name)
    found.push({ name: path, path, ordinal: Number(match[1]), epoch: Number(match[2]) })
  }
  return found.sort((a, b) => b.ordinal - a.ordinal || b.epoch - a.epoch)
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
  const name = `${String(cut.ordinal).padStart(16, '0')}-${String(cut.epoch).padStart(8, '0')}.snap`
  const path = join(folder, name)
  const temporary = `${path}.${cut.epoch}.tmp`
  await disk.makeFolder(folder)
  if (disk.existsNow(temporary)) await removeIfThere(disk, temporary)
  const file = await disk.open(temporary, 'create')
  try {
    let position = 0
    let parts: Uint8Array[] = [head]
    let bytes = head.length
    const write = async (): Promise<void> => {
      await file.write(Buffer.concat(parts, bytes), position)
      position += bytes
      parts = []
      bytes = 0
    }
    for (const block of cut.blocks) {
      const header = Buffer.allocUnsafe(blockHeaderBytes)
      header.writeUInt32LE(block.length, 0)
      header.writeUInt32LE(crc32(block), 4)
      parts.push(header, block)
      bytes += blockHeaderBytes + block.length
      if (bytes >= writeBytesMin) await write()
    }
    if (bytes > 0) await write()
    await file.sync()
  } finally {
    await file.close()
  }
  await durable()
  await disk.rename(temporary, path)
  await disk.syncFolder(folder)
}

/** Removes all but the newest snapshots that are kept, and temporary files of earlier processes. */
async function removeOldSnapshots(disk: Disk, folder: string): Promise<SnapshotFile[]> {
  const snapshots = await listSnapshots(disk, folder)
  for (const old of snapshots.slice(limits.snapshotsKept)) await removeIfThere(disk, old.path)
  return snapshots.slice(0, limits.snapshotsKept)
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
  try {
    const size = await file.size()
    const head = Buffer.from(await file.read(0, headBytes))
    for (let position = firstBlock(path, head, owner); position < size;) {
      const header = Buffer.from(await file.read(position, blockHeaderBytes))
      const length = header.length < blockHeaderBytes ? Infinity : header.readUInt32LE(0)
      if (position + blockHeaderBytes + length > size) throw damaged(path, position)
      const block = await file.read(position + blockHeaderBytes, length)
      if (crc32(block) !== header.readUInt32LE(4)) throw damaged(path, position)
      onBlock(block)
      position += blockHeaderBytes + length
    }
  } finally {
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
