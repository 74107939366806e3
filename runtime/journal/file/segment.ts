/**
 * A segment: a file of a fixed size, zero-filled and durable before the first group goes into it.
 *
 * F4. A segment gets its name only when it is whole: a short one, or one with a bad header, is damage.
 */
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Disk, DiskFile } from '../../env/env.js'

export const segmentHeaderBytes = 64
const segmentMagic = Buffer.from('SUANSEGM')
const segmentVersion = 1
const fillBytes = 1024 * 1024

/** Which segment it is. */
export interface SegmentIdentity {
  readonly epoch: number
  readonly lane: number
  readonly index: number
}

/** What a segment's header says. */
export interface SegmentHeader extends SegmentIdentity {
  readonly size: number
  readonly shards: number
}

export function segmentName({ epoch, lane, index }: SegmentIdentity): string {
  const digits = (value: number, count: number): string => String(value).padStart(count, '0')
  return `e${digits(epoch, 8)}-l${digits(lane, 5)}-${digits(index, 8)}.seg`
}

export function parseSegmentName(name: string): SegmentIdentity | undefined {
  const match = /^e(\d{8})-l(\d{5})-(\d{8})\.seg$/.exec(name)
  if (match === null) return undefined
  return { epoch: Number(match[1]), lane: Number(match[2]), index: Number(match[3]) }
}

/** Makes a segment: header and zeros under a temporary name, synced, renamed, folder synced. */
export async function createSegment(
  disk: Disk,
  folder: string,
  header: SegmentHeader,
): Promise<DiskFile> {
  const path = join(folder, segmentName(header))
  const temporary = `${path}.tmp`
  if (disk.existsNow(temporary)) await disk.remove(temporary)
  const file = await disk.open(temporary, 'create')
  try {
    await file.write(encodeHeader(header), 0)
    const zeros = Buffer.alloc(Math.min(fillBytes, header.size))
    for (let at = segmentHeaderBytes; at < header.size; at += zeros.length) {
      await file.write(zeros.subarray(0, Math.min(zeros.length, header.size - at)), at)
    }
    await file.sync()
    await disk.rename(temporary, path)
    await disk.syncFolder(folder)
    return file
  } catch (error) {
    await file.close().catch(() => undefined)
    throw error
  }
}

/** Reads a header. @returns undefined when it is not one */
export function readSegmentHeader(bytes: Buffer): SegmentHeader | undefined {
  if (bytes.length < segmentHeaderBytes) return undefined
  if (bytes.compare(segmentMagic, 0, 8, 0, 8) !== 0) return undefined
  if (bytes.readUInt32LE(60) !== crc32(bytes.subarray(0, 60))) return undefined
  return {
    epoch: bytes.readUInt32LE(12),
    lane: bytes.readUInt32LE(16),
    index: bytes.readUInt32LE(20),
    size: bytes.readDoubleLE(24),
    shards: bytes.readUInt32LE(32),
  }
}

function encodeHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(segmentHeaderBytes)
  segmentMagic.copy(bytes, 0)
  bytes.writeUInt32LE(segmentVersion, 8)
  bytes.writeUInt32LE(header.epoch, 12)
  bytes.writeUInt32LE(header.lane, 16)
  bytes.writeUInt32LE(header.index, 20)
  bytes.writeDoubleLE(header.size, 24)
  bytes.writeUInt32LE(header.shards, 32)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60)
  return bytes
}
