/**
 * A group: the frames of all shards of a lane in one write, the atomic unit on file.
 *
 *   0        4     6       8          12         16       20       24      28     32      36    40  48
 *   ┌────────┬─────┬───────┬──────────┬──────────┬────────┬────────┬───────┬──────┬───────┬─────┬───┬─────────┐
 *   │ magic  │ ver │ flags │ sequence │ prev CRC │ length │ frames │ epoch │ lane │ index │ CRC │ 0 │ frames… │
 *   └────────┴─────┴───────┴──────────┴──────────┴────────┴────────┴───────┴──────┴───────┴─────┴───┴─────────┘
 *
 * F2. The CRC covers header (with the segment's identity) and content: a group that is valid was
 *     written to this very segment, whole.
 * F3. `sequence` is dense and `prev CRC` chains the groups of a lane over its segments.
 */
import { crc32 } from 'node:zlib'
import { OpenRefused } from '../../errors.js'
import type { ChainedFrame } from '../frame.js'
import { frameBytes, readFrame } from '../frame.js'
import type { SegmentIdentity } from './segment.js'

export const groupHeaderBytes = 48
export const groupMagic = Buffer.from('SGRP')
const groupVersion = 1

/** What a group is, beside its frames. */
export const groupFlags = { seal: 1, carried: 2 } as const

/** A group as read. */
export interface Group {
  readonly offset: number
  /** Offset behind it. */
  readonly end: number
  readonly flags: number
  readonly sequence: number
  readonly previousCrc: number
  readonly crc: number
  readonly frameCount: number
}

/** Completes a group whose frames stand in `buffer` from {@link groupHeaderBytes} on. @returns its CRC */
export function finishGroup(
  buffer: Buffer,
  end: number,
  segment: SegmentIdentity,
  group: { flags: number; sequence: number; previousCrc: number; frameCount: number },
): number {
  groupMagic.copy(buffer, 0)
  buffer.writeUInt16LE(groupVersion, 4)
  buffer.writeUInt16LE(group.flags, 6)
  buffer.writeUInt32LE(group.sequence, 8)
  buffer.writeUInt32LE(group.previousCrc, 12)
  buffer.writeUInt32LE(end - groupHeaderBytes, 16)
  buffer.writeUInt32LE(group.frameCount, 20)
  buffer.writeUInt32LE(segment.epoch, 24)
  buffer.writeUInt32LE(segment.lane, 28)
  buffer.writeUInt32LE(segment.index, 32)
  buffer.fill(0, 40, groupHeaderBytes)
  const crc = crc32(buffer.subarray(groupHeaderBytes, end), crc32(buffer.subarray(0, 36)))
  buffer.writeUInt32LE(crc, 36)
  return crc
}

/** Reads the group at an offset. @returns undefined when there is no whole, valid one */
export function readGroup(bytes: Buffer, at: number, segment: SegmentIdentity): Group | undefined {
  if (at + groupHeaderBytes > bytes.length) return undefined
  if (bytes.compare(groupMagic, 0, 4, at, at + 4) !== 0) return undefined
  const end = at + groupHeaderBytes + bytes.readUInt32LE(at + 16)
  if (end > bytes.length) return undefined
  if (
    bytes.readUInt32LE(at + 24) !== segment.epoch ||
    bytes.readUInt32LE(at + 28) !== segment.lane ||
    bytes.readUInt32LE(at + 32) !== segment.index ||
    // The rest of the header is zero and under no checksum; it is checked by hand.
    bytes.readUInt32LE(at + 40) !== 0 ||
    bytes.readUInt32LE(at + 44) !== 0
  ) {
    return undefined
  }
  const crc = bytes.readUInt32LE(at + 36)
  const content = bytes.subarray(at + groupHeaderBytes, end)
  if (crc32(content, crc32(bytes.subarray(at, at + 36))) !== crc) return undefined
  const version = bytes.readUInt16LE(at + 4)
  if (version > groupVersion) {
    throw new OpenRefused(
      'newer_format',
      `The journal has groups of format ${version}; this program knows ${groupVersion}. Install the newer program.`,
    )
  }
  return {
    offset: at,
    end,
    flags: bytes.readUInt16LE(at + 6),
    sequence: bytes.readUInt32LE(at + 8),
    previousCrc: bytes.readUInt32LE(at + 12),
    crc,
    frameCount: bytes.readUInt32LE(at + 20),
  }
}

/** The frames of a valid group. @returns undefined when its content is no row of valid frames */
export function framesOf(bytes: Buffer, group: Group): ChainedFrame[] | undefined {
  const frames: ChainedFrame[] = []
  let at = group.offset + groupHeaderBytes
  for (let i = 0; i < group.frameCount; i++) {
    const frame = readFrame(bytes, at, group.end)
    if (frame === undefined) return undefined
    frames.push(frame)
    at += frameBytes(frame)
  }
  return at === group.end ? frames : undefined
}
