/**
 * One message of a snapshot on a stream, as bytes:
 *
 *   0      4     6      8          16      20       24    28
 *   ┌──────┬─────┬──────┬──────────┬───────┬────────┬─────┬──────┐
 *   │ magic│ ver │ kind │ snapshot │ index │ length │ CRC │ body │
 *   └──────┴─────┴──────┴──────────┴───────┴────────┴─────┴──────┘
 */
import { crc32 } from 'node:zlib'
import { OpenRefused } from '../errors.js'
import type { SnapshotName } from './snapshot-store.js'

/** Kinds of messages. */
export const kinds = { head: 1, chunk: 2, end: 3 } as const

export interface SnapshotMessage {
  readonly kind: number
  /** Names the snapshot: 16 hex digits. */
  readonly id: string
  /** Place within the snapshot, from 0. */
  readonly index: number
  readonly body: Uint8Array
}

/** Where a snapshot stands in its stream. */
export interface SnapshotPlace extends SnapshotName {
  readonly id: string
  /** Sequences of its head and of its end. */
  readonly from: number
  readonly to: number
}

/** What the end of a snapshot says of it. */
export interface EndContent {
  readonly ordinal: number
  readonly epoch: number
  /** Sequence of its head. */
  readonly from: number
  readonly bytes: number
  readonly chunks: number
  /** CRC of all blocks as they were made; the first versions did not say. */
  readonly crc?: number
  /** Of an increment: the whole snapshot it follows, and the increments between. */
  readonly follows?: readonly SnapshotPlace[]
}

const headerBytes = 28
const magic = 0x504e5353 // 'SSNP'
const format = 1

export function writeMessage({ kind, id, index, body }: SnapshotMessage): Buffer {
  const bytes = Buffer.allocUnsafe(headerBytes + body.length)
  bytes.writeUInt32LE(magic, 0)
  bytes.writeUInt16LE(format, 4)
  bytes.writeUInt16LE(kind, 6)
  bytes.write(id, 8, 'hex')
  bytes.writeUInt32LE(index, 16)
  bytes.writeUInt32LE(body.length, 20)
  bytes.set(body, headerBytes)
  bytes.writeUInt32LE(crc32(body, crc32(bytes.subarray(0, 24))), 24)
  return bytes
}

/** @returns undefined when the bytes are no whole message @throws OpenRefused newer_format */
export function readMessage(
  bytes: Uint8Array,
): (SnapshotMessage & { readonly body: Buffer }) | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer.length < headerBytes || buffer.readUInt32LE(0) !== magic) return undefined
  if (buffer.readUInt32LE(20) !== buffer.length - headerBytes) return undefined
  const body = buffer.subarray(headerBytes)
  if (crc32(body, crc32(buffer.subarray(0, 24))) !== buffer.readUInt32LE(24)) return undefined
  const version = buffer.readUInt16LE(4)
  if (version > format) {
    throw new OpenRefused(
      'newer_format',
      `A snapshot has format ${version}; this program knows ${format}. Install the newer program.`,
    )
  }
  return {
    kind: buffer.readUInt16LE(6),
    id: buffer.toString('hex', 8, 16),
    index: buffer.readUInt32LE(16),
    body,
  }
}
