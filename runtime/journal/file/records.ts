/**
 * Small records beside the journal: manifest, epochs, adoptions, clean ends. Each is one JSON text
 * with a checksum, written under a temporary name, synced and renamed.
 */
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Disk, ProcessIdentity } from '../../env/env.js'
import { OpenRefused } from '../../errors.js'

/** What a data folder is, fixed when it is made. */
export interface Manifest {
  readonly format: 1
  readonly shards: number
  /** 16 random bytes in hex: the key of keyed hashes. */
  readonly secret: string
  readonly createdAt: number
}

/** What an owner took over, and from whom: the lineage. */
export interface Adoption {
  readonly epoch: number
  /** Epoch it follows; 0 for the first of all. */
  readonly predecessor: number
  /** The predecessor's segments and how much of each counts. Later bytes in them are nobody's. */
  readonly segments: readonly AdoptedSegment[]
  /** Size of the segment the predecessor's last groups were carried to; 0 when there is none. */
  readonly carriedBytes: number
}

export interface AdoptedSegment {
  readonly lane: number
  readonly index: number
  readonly validBytes: number
}

/** Where each lane ended when its owner closed cleanly. */
export interface CleanEnd {
  readonly epoch: number
  readonly lanes: readonly LaneEnd[]
}

export interface LaneEnd {
  readonly lane: number
  readonly index: number
  readonly offset: number
  readonly crc: number
}

export const folders = {
  journal: (dataDir: string): string => join(dataDir, 'journal'),
  epochs: (dataDir: string): string => join(dataDir, 'epochs'),
}

const padded = (epoch: number): string => String(epoch).padStart(8, '0')

/** Paths of an epoch's records. */
export const epochPaths = {
  owner: (dataDir: string, epoch: number): string => join(folders.epochs(dataDir), padded(epoch)),
  adopted: (dataDir: string, epoch: number): string =>
    join(folders.epochs(dataDir), `${padded(epoch)}.adopted`),
  closed: (dataDir: string, epoch: number): string =>
    join(folders.epochs(dataDir), `${padded(epoch)}.closed`),
  /** Left by an owner that stopped without a clean end but lives on, such as an embedding process. */
  released: (dataDir: string, epoch: number): string =>
    join(folders.epochs(dataDir), `${padded(epoch)}.released`),
}

/** Writes a record durably, or not at all. */
export async function writeRecord(disk: Disk, path: string, value: unknown): Promise<void> {
  const temporary = `${path}.tmp`
  if (disk.existsNow(temporary)) await disk.remove(temporary)
  const file = await disk.open(temporary, 'create')
  try {
    await file.write(encodeRecord(value), 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(temporary, path)
  await disk.syncFolder(join(path, '..'))
}

/**
 * Reads a record. @returns undefined when the file does not exist
 * @throws OpenRefused damaged
 */
export async function readRecord<T>(disk: Disk, path: string): Promise<T | undefined> {
  if (!disk.existsNow(path)) return undefined
  const file = await disk.open(path, 'read')
  try {
    const bytes = Buffer.from(await file.read(0, await file.size()))
    const newline = bytes.indexOf(10)
    const text = bytes.subarray(0, Math.max(0, newline))
    if (bytes.toString('latin1', newline + 1) !== checksumLine(text)) {
      throw new OpenRefused('damaged', `The record ${path} is damaged.`, { file: path, offset: 0 })
    }
    return JSON.parse(text.toString('utf8')) as T
  } finally {
    await file.close()
  }
}

/** A record's bytes: one line of JSON, one line with its checksum. */
export function encodeRecord(value: unknown): Buffer {
  const text = Buffer.from(JSON.stringify(value))
  return Buffer.concat([text, Buffer.from(`\n${checksumLine(text)}`)])
}

function checksumLine(text: Uint8Array): string {
  return `${crc32(text).toString(16).padStart(8, '0')}\n`
}

/** Epochs whose owner files exist, and those that were taken over by an adoption, ascending. */
export async function listEpochs(
  disk: Disk,
  dataDir: string,
): Promise<{ owners: number[]; adopted: number[] }> {
  const names = await disk.list(folders.epochs(dataDir))
  const numbers = (pattern: RegExp): number[] =>
    names.flatMap((name) => {
      const match = pattern.exec(name)
      return match === null ? [] : [Number(match[1])]
    })
  return { owners: numbers(/^(\d{8})$/), adopted: numbers(/^(\d{8})\.adopted$/) }
}

/** Who owns an epoch; undefined when the owner died before it could say so. */
export async function readOwner(disk: Disk, path: string): Promise<ProcessIdentity | undefined> {
  try {
    return await readRecord<ProcessIdentity>(disk, path)
  } catch (error) {
    if (error instanceof OpenRefused) return undefined
    throw error
  }
}
