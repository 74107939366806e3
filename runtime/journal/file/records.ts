/**
 * Small records beside the journal: manifest, owners, adoptions, ends. Each is one line of JSON that
 * ends with its own checksum.
 *
 * C1. A record is there whole or not at all: written under a temporary name, synced, renamed, and the
 *     folder synced. So one that does not read is damage, never a crash's trace. (The owner's file is
 *     the exception: it must be created exclusively, see ownership.ts.)
 * C2. Every byte counts: a record is read only if writing its content gives the same bytes again.
 * C3. A record is read only where it was written: one that came into the place of another by its name,
 *     of another kind, epoch or lane, is damage too.
 */
import { basename, dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Disk, ProcessIdentity } from '../../env/env.js'
import { removeIfThere } from '../../env/remove-if-there.js'
import type { GroupHead, ShardHeadRow } from './chains.js'
import { damage, newerFormat, openIfThere } from './damage.js'
import {
  folders,
  parseEpochFile,
  temporarySuffix,
  type EpochFileKind,
  type SegmentName,
} from './names.js'

export { epochPaths } from './names.js'

export const recordFormat = 1

/** What a data folder is, fixed when it is made. */
export interface Manifest {
  readonly format: number
  readonly shards: number
  /** 16 random bytes in hex: the key of keyed hashes. */
  readonly secret: string
  /** ms since 1970. */
  readonly createdAt: number
}

/** Who owns an epoch. */
export interface OwnerRecord {
  readonly format: number
  readonly epoch: number
  readonly pid: number
  readonly startedAt: string
  readonly place: string
}

/** A segment of the lineage, and how much of it counts. */
export interface AdoptedSegment extends SegmentName {
  /** From its header: tells it from any other file of its name. */
  readonly tag: number
  /** Bytes that count. Later bytes are nobody's: a zombie's, or a torn tail. */
  readonly bytes: number
  /** The lane's chain of groups before its first group, and after the last that counts. */
  readonly start: GroupHead
  readonly end: GroupHead
}

/** What an epoch took over. It restates the whole lineage, so older records can go. */
export interface AdoptionRecord {
  readonly format: number
  readonly epoch: number
  /** 0 for the first of all. */
  readonly predecessor: number
  /**
   * What the folder is, for this epoch and all after it: a slow opener that was overtaken may still
   * put a manifest of its own into the folder. Absent in records of the first version.
   */
  readonly manifest?: Manifest
  /** In reading order: frames of one shard stand in the order of their ordinals. */
  readonly segments: readonly AdoptedSegment[]
  /** By shard: the last frame that was cut away behind snapshots. */
  readonly base: readonly ShardHeadRow[]
}

/** A lane was opened: groups may follow. */
export interface LaneRecord {
  readonly format: number
  readonly epoch: number
  readonly lane: number
  readonly shards: readonly number[]
}

/** What a lane let go behind snapshots, over its whole life. */
export interface TruncationRecord {
  readonly format: number
  readonly epoch: number
  readonly lane: number
  /** Index of its oldest segment that counts, and the chain of groups before that. */
  readonly firstKept: number
  readonly start: GroupHead
  /** Names of segments of earlier epochs. */
  readonly removed: readonly string[]
  readonly base: readonly ShardHeadRow[]
}

/** Where a lane ends. */
export interface LaneEnd {
  readonly lane: number
  readonly index: number
  /** Offset of its seal. */
  readonly offset: number
  /** CRC of its seal. */
  readonly crc: number
}

export interface SealingRecord extends LaneEnd {
  readonly format: number
  readonly epoch: number
}

/** Where each lane ended when its owner closed cleanly. */
export interface CloseRecord {
  readonly format: number
  readonly epoch: number
  readonly lanes: readonly LaneEnd[]
}

interface AnyRecord {
  readonly format: number
}

/** A record's bytes. */
export function encodeRecord(record: object): Buffer {
  const checksum = crc32(JSON.stringify(record)).toString(16).padStart(8, '0')
  return Buffer.from(`${JSON.stringify({ ...record, checksum })}\n`)
}

/** @returns undefined when the bytes are no whole record */
function decodeRecord(bytes: Buffer): AnyRecord | undefined {
  try {
    const { checksum: _, ...record } = JSON.parse(bytes.toString('utf8')) as AnyRecord & {
      checksum: string
    }
    return encodeRecord(record).equals(bytes) ? record : undefined
  } catch {
    return undefined
  }
}

/**
 * Writes a record durably, or not at all (C1).
 * @param temporary where it stands until it is whole: its writer's alone
 */
export async function writeRecord(
  disk: Disk,
  path: string,
  record: AnyRecord,
  temporary = path + temporarySuffix,
): Promise<void> {
  if (disk.existsNow(temporary)) await removeIfThere(disk, temporary)
  const file = await disk.open(temporary, 'create')
  try {
    await file.write(encodeRecord(record), 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(temporary, path)
  await disk.syncFolder(dirname(path))
}

/** All bytes of a small file; undefined when it does not exist. */
async function readWhole(disk: Disk, path: string): Promise<Buffer | undefined> {
  // Others may take away what was just listed: an opener that was refused removes its epoch's file.
  const file = await openIfThere(disk, path)
  if (file === undefined) return undefined
  try {
    const bytes = await file.read(0, await file.size())
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  } finally {
    await file.close()
  }
}

/**
 * Reads a record. @returns undefined when the file does not exist
 * @throws OpenRefused damaged, newer_format
 */
export async function readRecord<T extends AnyRecord>(
  disk: Disk,
  path: string,
): Promise<T | undefined> {
  const bytes = await readWhole(disk, path)
  if (bytes === undefined) return undefined
  const record = decodeRecord(bytes)
  if (record === undefined) throw damage(path, 0, 'a record that does not fit its checksum')
  if (record.format > recordFormat) {
    throw newerFormat(path, 'record', record.format, recordFormat)
  }
  if (!belongsTo(path, record)) throw damage(path, 0, 'a record that belongs to another name')
  return record as T
}

/** A field that records of a kind have and those of other kinds have not. */
const tellingFields: Readonly<Record<EpochFileKind, string>> = {
  owner: 'place',
  claim: 'epoch',
  adopted: 'segments',
  closed: 'lanes',
  released: 'epoch',
  lane: 'shards',
  truncated: 'firstKept',
  sealing: 'offset',
}

/** C3. */
function belongsTo(path: string, record: AnyRecord): boolean {
  const file = parseEpochFile(basename(path))
  if (file === undefined) return 'secret' in record
  const { epoch, lane } = record as { readonly epoch?: unknown; readonly lane?: unknown }
  if (epoch !== file.epoch || (file.lane !== undefined && lane !== file.lane)) return false
  return tellingFields[file.kind] in record
}

/** Epochs that have owner files, and those with adoption records, ascending. */
export async function listEpochs(
  disk: Disk,
  dataDir: string,
): Promise<{ owners: number[]; adopted: number[] }> {
  const names = await disk.list(folders.epochs(dataDir))
  const files = names.flatMap((name) => parseEpochFile(name) ?? [])
  const epochsOf = (kind: string): number[] =>
    files.flatMap((file) => (file.kind === kind ? [file.epoch] : [])).sort((a, b) => a - b)
  return { owners: epochsOf('owner'), adopted: epochsOf('adopted') }
}

/** Who owns an epoch; undefined when the owner died before it could say so. */
export async function readOwner(disk: Disk, path: string): Promise<ProcessIdentity | undefined> {
  const bytes = await readWhole(disk, path)
  const record = bytes === undefined ? undefined : (decodeRecord(bytes) as OwnerRecord | undefined)
  if (record === undefined || !belongsTo(path, record)) return undefined
  const { pid, startedAt, place } = record
  return { pid, startedAt, place }
}
