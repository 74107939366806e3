/**
 * A segment: a file of a fixed size, zero-filled and durable before the first group goes into it.
 *
 *   0        8     10     12      16     20      24     32     36  60    64
 *   ┌────────┬─────┬──────┬───────┬──────┬───────┬──────┬──────┬───┬─────┬─────────┐
 *   │ magic  │ ver │shards│ epoch │ lane │ index │ size │ salt │ 0 │ CRC │ groups… │
 *   └────────┴─────┴──────┴───────┴──────┴───────┴──────┴──────┴───┴─────┴─────────┘
 *
 * B1. A segment gets its name only when it is whole: a short one, or one with a bad header, is damage.
 * B2. Zeros that were written, not a hole: a sync of a later overwrite then has no metadata to write
 *     (PostgreSQL's `wal_init_zero`; measured in research/performance.md §3.3).
 * B3. The header's CRC is the segment's *tag*. It is mixed into the checksum of every group, and its
 *     random salt can't be known to clients: no text of theirs can pass for a group.
 */
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import type { DiskFile, Env } from '../../env/env.js'
import { removeIfThere } from '../../env/remove-if-there.js'
import { newerFormat } from './damage.js'
import { segmentPath, temporarySuffix, type SegmentName } from './names.js'

/** Groups start at multiples of this, so that a search for them need not look at every byte. */
export const blockBytes = 8
export const segmentHeaderBytes = 64
const segmentMagic = Buffer.from('SUANSEGM')
const segmentVersion = 1
const crcAt = segmentHeaderBytes - 4

/** Zeros written at once, and between syncs: a burst of dirty pages would stall the groups' syncs. */
const fillBytes = 1024 * 1024
const fillBytesBetweenSyncs = 8 * fillBytes

/** What a segment's header says. */
export interface SegmentHeader extends SegmentName {
  readonly size: number
  readonly shards: number
  /** CRC of the header (B3). */
  readonly tag: number
}

/** A segment open for writing. */
export interface OpenSegment {
  readonly header: SegmentHeader
  readonly path: string
  readonly file: DiskFile
}

/** Rounds up to whole blocks. */
export function wholeBlocks(bytes: number): number {
  return Math.ceil(bytes / blockBytes) * blockBytes
}

/**
 * Makes a segment: header and zeros under a temporary name, synced, renamed, folder synced. One of the
 * same name is replaced.
 */
export async function createSegment(
  env: Env,
  dataDir: string,
  segment: SegmentName & { readonly size: number; readonly shards: number },
): Promise<OpenSegment> {
  const { disk } = env
  const path = segmentPath(dataDir, segment)
  const temporary = path + temporarySuffix
  const { bytes, header } = encodeHeader(segment, env.chance.bytes(4))
  if (disk.existsNow(temporary)) await removeIfThere(disk, temporary)
  const file = await disk.open(temporary, 'create')
  try {
    await fill(file, bytes, segment.size)
    await disk.rename(temporary, path)
    await disk.syncFolder(dirname(path))
    return { header, path, file }
  } catch (error) {
    await file.close().catch(() => undefined)
    throw error
  }
}

async function fill(file: DiskFile, header: Buffer, size: number): Promise<void> {
  const piece = Buffer.alloc(Math.min(fillBytes, size))
  header.copy(piece)
  for (let at = 0; at < size; at += piece.length) {
    await file.write(piece.subarray(0, Math.min(piece.length, size - at)), at)
    if (at === 0) header.fill(0).copy(piece)
    if ((at + piece.length) % fillBytesBetweenSyncs === 0) await file.sync()
  }
  await file.sync()
}

/**
 * Reads a header. @returns undefined when it is not one
 * @throws OpenRefused newer_format
 */
export function readSegmentHeader(bytes: Buffer, path: string): SegmentHeader | undefined {
  if (bytes.length < segmentHeaderBytes) return undefined
  if (bytes.compare(segmentMagic, 0, 8, 0, 8) !== 0) return undefined
  const tag = bytes.readUInt32LE(crcAt)
  if (tag !== crc32(bytes.subarray(0, crcAt))) return undefined
  const version = bytes.readUInt16LE(8)
  if (version > segmentVersion) throw newerFormat(path, 'segment', version, segmentVersion)
  return {
    shards: bytes.readUInt16LE(10),
    epoch: bytes.readUInt32LE(12),
    lane: bytes.readUInt32LE(16),
    index: bytes.readUInt32LE(20),
    size: bytes.readDoubleLE(24),
    tag,
  }
}

function encodeHeader(
  segment: SegmentName & { readonly size: number; readonly shards: number },
  salt: Uint8Array,
): { bytes: Buffer; header: SegmentHeader } {
  const bytes = Buffer.alloc(segmentHeaderBytes)
  segmentMagic.copy(bytes, 0)
  bytes.writeUInt16LE(segmentVersion, 8)
  bytes.writeUInt16LE(segment.shards, 10)
  bytes.writeUInt32LE(segment.epoch, 12)
  bytes.writeUInt32LE(segment.lane, 16)
  bytes.writeUInt32LE(segment.index, 20)
  bytes.writeDoubleLE(segment.size, 24)
  bytes.set(salt, 32)
  const tag = crc32(bytes.subarray(0, crcAt))
  bytes.writeUInt32LE(tag, crcAt)
  const { epoch, lane, index, size, shards } = segment
  return { bytes, header: { epoch, lane, index, size, shards, tag } }
}
