/**
 * A group: the frames of all shards of a lane in one write, the atomic unit on file.
 *
 *   0       4     6       8        12       16         24    28         32    36  40        …    n·8
 *   ┌───────┬─────┬───────┬────────┬────────┬──────────┬─────┬──────────┬─────┬───┬─────────┬───────┐
 *   │ magic │ ver │ flags │ length │ frames │ sequence │ tag │ prev CRC │ CRC │ 0 │ frames… │ zeros │
 *   └───────┴─────┴───────┴────────┴────────┴──────────┴─────┴──────────┴─────┴───┴─────────┴───────┘
 *
 * B4. The CRC covers the tag of the segment and every byte up to the next block: a group that is valid
 *     was written to this very segment, whole.
 * B5. `sequence` is dense and `prev CRC` chains the groups of a lane over its segments.
 */
import { crc32 } from 'node:zlib'
import { assert } from '../../assert.js'
import { frameBytes, readFrame, writeFrame, type ChainedFrame } from '../frame.js'
import type { FrameDraft } from '../journal.js'
import type { GroupHead } from './chains.js'
import { newerFormat } from './damage.js'
import { wholeBlocks } from './segment.js'

export const groupHeaderBytes = 40
export const groupMagic = Buffer.from('SGRP')
const groupVersion = 1
const crcAt = 32
/** Length fits its field, and a scan can hold a group in memory. */
const groupBytesMax = 1024 * 1024 * 1024

/** What a group is, beside its frames. */
export const groupFlags = {
  /** The lane ends here, cleanly. */
  seal: 1,
  /** Written again by an opener. */
  carried: 2,
  /** The lane goes on in the next segment. */
  continued: 4,
} as const

/** Bytes of a group without frames: a seal, or a mark that the lane goes on elsewhere. */
export const markBytes = wholeBlocks(groupHeaderBytes)

/** A group's header as read. */
export interface GroupHeader {
  /** Bytes of its frames. */
  readonly length: number
  /** Bytes of all of it, in whole blocks. */
  readonly bytes: number
  readonly flags: number
  readonly frames: number
  readonly previousCrc: number
  /** Its place in the lane's chain. */
  readonly head: GroupHead
}

/** Writes groups into one buffer that grows to the largest and is used again and again. */
export class GroupWriter {
  private buffer = Buffer.allocUnsafeSlow(256 * 1024)
  private at = groupHeaderBytes
  private frames = 0

  /** Begins a group of so many bytes of frames. */
  begin(length: number): void {
    const needed = wholeBlocks(groupHeaderBytes + length)
    assert(needed <= groupBytesMax, 'a group has a bounded size')
    if (this.buffer.length < needed) {
      this.buffer = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(needed)))
    }
    this.at = groupHeaderBytes
    this.frames = 0
  }

  /** Adds a frame. @returns its CRC */
  add(frame: FrameDraft, epoch: number, previousCrc: number): number {
    const crc = writeFrame(frame, epoch, previousCrc, this.buffer, this.at)
    this.at += frameBytes(frame)
    this.frames++
    return crc
  }

  /** Completes the group. Its bytes stay valid until the next one is begun. */
  finish(
    tag: number,
    previous: GroupHead,
    flags: number,
  ): { readonly bytes: Buffer; readonly head: GroupHead } {
    const { buffer, at } = this
    const end = wholeBlocks(at)
    groupMagic.copy(buffer, 0)
    buffer.writeUInt16LE(groupVersion, 4)
    buffer.writeUInt16LE(flags, 6)
    buffer.writeUInt32LE(at - groupHeaderBytes, 8)
    buffer.writeUInt32LE(this.frames, 12)
    buffer.writeDoubleLE(previous.sequence + 1, 16)
    buffer.writeUInt32LE(tag, 24)
    buffer.writeUInt32LE(previous.crc, 28)
    buffer.writeUInt32LE(0, crcAt + 4)
    buffer.fill(0, at, end)
    const bytes = buffer.subarray(0, end)
    const crc = checksum(bytes)
    buffer.writeUInt32LE(crc, crcAt)
    return { bytes, head: { sequence: previous.sequence + 1, crc } }
  }
}

function checksum(group: Buffer): number {
  return crc32(group.subarray(crcAt + 4), crc32(group.subarray(0, crcAt)))
}

/**
 * Reads a header without believing it: {@link isWholeGroup} decides.
 * @returns undefined when this is no group of the segment
 */
export function readGroupHeader(bytes: Buffer, tag: number): GroupHeader | undefined {
  if (bytes.length < groupHeaderBytes) return undefined
  if (bytes.compare(groupMagic, 0, 4, 0, 4) !== 0) return undefined
  if (bytes.readUInt32LE(24) !== tag) return undefined
  const length = bytes.readUInt32LE(8)
  if (length > groupBytesMax) return undefined
  return {
    length,
    bytes: wholeBlocks(groupHeaderBytes + length),
    flags: bytes.readUInt16LE(6),
    frames: bytes.readUInt32LE(12),
    previousCrc: bytes.readUInt32LE(28),
    head: { sequence: bytes.readDoubleLE(16), crc: bytes.readUInt32LE(crcAt) },
  }
}

/**
 * True when these bytes are the whole group the header speaks of.
 * @throws OpenRefused newer_format
 */
export function isWholeGroup(bytes: Buffer, header: GroupHeader, path: string): boolean {
  if (bytes.length !== header.bytes || checksum(bytes) !== header.head.crc) return false
  const version = bytes.readUInt16LE(4)
  if (version > groupVersion) throw newerFormat(path, 'group', version, groupVersion)
  return true
}

/** The frames of a whole group. @returns undefined when its content is no row of valid frames */
export function framesOf(bytes: Buffer, header: GroupHeader): ChainedFrame[] | undefined {
  const frames: ChainedFrame[] = []
  const end = groupHeaderBytes + header.length
  let at = groupHeaderBytes
  for (let i = 0; i < header.frames; i++) {
    const frame = readFrame(bytes, at, end)
    if (frame === undefined) return undefined
    frames.push(frame)
    at += frameBytes(frame)
  }
  return at === end ? frames : undefined
}
