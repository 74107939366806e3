/**
 * A frame as bytes: one batch of turns of one shard.
 *
 *   0        4     6     8       12      16             24             32         36       40    44  48
 *   ┌────────┬─────┬─────┬───────┬───────┬──────────────┬──────────────┬──────────┬────────┬─────┬───┬──────┐
 *   │ magic  │ ver │shard│ epoch │ count │ first ordinal│ time, ms     │ prev CRC │ length │ CRC │ 0 │ body │
 *   └────────┴─────┴─────┴───────┴───────┴──────────────┴──────────────┴──────────┴────────┴─────┴───┴──────┘
 *
 * F1. The CRC covers the header before it and the body; `prev CRC` is the CRC of the shard's previous
 *     frame, wherever that stands, so a shard's chain may go on in another file.
 */
import { crc32 } from 'node:zlib'
import { OpenRefused } from '../errors.js'
import type { Frame, FrameDraft } from './journal.js'

export const frameHeaderBytes = 48
const frameMagic = 0x4d524653 // 'SFRM'
const frameVersion = 1

/** A frame with its place in its shard's chain. */
export interface ChainedFrame extends Frame {
  readonly previousCrc: number
  readonly crc: number
}

/** Bytes a frame takes, padded to eight. */
export function frameBytes(frame: FrameDraft): number {
  return (frameHeaderBytes + frame.body.length + 7) & ~7
}

/** Writes a frame. @returns its CRC */
export function writeFrame(
  frame: FrameDraft,
  epoch: number,
  previousCrc: number,
  into: Buffer,
  at: number,
): number {
  into.writeUInt32LE(frameMagic, at)
  into.writeUInt16LE(frameVersion, at + 4)
  into.writeUInt16LE(frame.shard, at + 6)
  into.writeUInt32LE(epoch, at + 8)
  into.writeUInt32LE(frame.count, at + 12)
  into.writeDoubleLE(frame.firstOrdinal, at + 16)
  into.writeDoubleLE(frame.time, at + 24)
  into.writeUInt32LE(previousCrc, at + 32)
  into.writeUInt32LE(frame.body.length, at + 36)
  const bodyAt = at + frameHeaderBytes
  into.set(frame.body, bodyAt)
  into.fill(0, bodyAt + frame.body.length, at + frameBytes(frame))
  const crc = crc32(frame.body, crc32(into.subarray(at, at + 40)))
  into.writeUInt32LE(crc, at + 40)
  into.writeUInt32LE(0, at + 44)
  return crc
}

/**
 * Reads the frame at an offset.
 * @returns undefined when the bytes are no whole, valid frame
 * @throws OpenRefused newer_format
 */
export function readFrame(bytes: Buffer, at: number, end: number): ChainedFrame | undefined {
  if (at + frameHeaderBytes > end || bytes.readUInt32LE(at) !== frameMagic) return undefined
  const length = bytes.readUInt32LE(at + 36)
  const bodyAt = at + frameHeaderBytes
  if (bodyAt + length > end) return undefined
  const body = bytes.subarray(bodyAt, bodyAt + length)
  const crc = bytes.readUInt32LE(at + 40)
  if (crc32(body, crc32(bytes.subarray(at, at + 40))) !== crc) return undefined
  const version = bytes.readUInt16LE(at + 4)
  if (version > frameVersion) {
    throw new OpenRefused(
      'newer_format',
      `The journal has frames of format ${version}; this program knows ${frameVersion}. Install the newer program.`,
    )
  }
  return {
    shard: bytes.readUInt16LE(at + 6),
    epoch: bytes.readUInt32LE(at + 8),
    count: bytes.readUInt32LE(at + 12),
    firstOrdinal: bytes.readDoubleLE(at + 16),
    time: bytes.readDoubleLE(at + 24),
    previousCrc: bytes.readUInt32LE(at + 32),
    crc,
    body,
  }
}

/** Ordinal of the last turn of a frame. */
export function lastOrdinalOf(frame: FrameDraft): number {
  return frame.firstOrdinal + frame.count - 1
}
