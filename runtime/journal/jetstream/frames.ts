/**
 * The messages of a shard's stream: frames, and the fences that begin the time of each owner.
 *
 *   sequence   1        2        3        4        5        6
 *            ┌────────┬────────┬────────┬────────┬────────┬────────
 *            │ fence  │ frame  │ frame  │ fence  │ frame  │ …
 *   epoch    │   1    │   1    │   1    │   2    │   2    │
 *   ordinals │ –      │ 1–3    │ 4      │ –      │ 5–9    │
 *            └────────┴────────┴────────┴────────┴────────┴────────
 *              └─ CRC ──►└─ CRC ──►└─ … each names its predecessor's
 *
 * A message is a frame of `frame.ts`. A fence is one without turns: count 0, the ordinal that comes
 * next, and a body that says who put it there, unlike any other.
 *
 * X1. An epoch is one more than the one before: dense, so that it fits the frame for ever. It is unique
 *     because the append of its fence is compared with the message that was read to find it.
 * X2. Every message fits the one before it: its CRC, its epoch, its ordinals. Nothing is skipped.
 */
import { OpenRefused } from '../../errors.js'
import { frameBytes, lastOrdinalOf, readFrame, writeFrame, type ChainedFrame } from '../frame.js'
import type { FrameDraft } from '../journal.js'

/** A place in a shard's stream: between a message and the next. */
export interface JournalPosition {
  /** Sequence of the message before; 0 at the very beginning. */
  readonly sequence: number
  /** Last ordinal up to there. */
  readonly ordinal: number
  readonly epoch: number
  /** CRC of the message before. */
  readonly crc: number
}

/** Before the first message of a stream. */
export const beginning: JournalPosition = { sequence: 0, ordinal: 0, epoch: 0, crc: 0 }

/** A message as bytes, and the place behind it. */
export interface FrameMessage {
  readonly bytes: Buffer
  readonly next: JournalPosition
}

/** Makes the message that comes at a place. */
export function messageAt(place: JournalPosition, frame: FrameDraft, epoch: number): FrameMessage {
  const bytes = Buffer.allocUnsafe(frameBytes(frame))
  const crc = writeFrame(frame, epoch, place.crc, bytes, 0)
  const ordinal = lastOrdinalOf(frame)
  return { bytes, next: { sequence: place.sequence + 1, ordinal, epoch, crc } }
}

/** Makes the fence that comes at a place. @param owner a text no other fence has */
export function fenceAt(
  place: JournalPosition,
  shard: number,
  time: number,
  owner: string,
): FrameMessage {
  const body = Buffer.from(owner)
  const draft = { shard, firstOrdinal: place.ordinal + 1, count: 0, time, body }
  return messageAt(place, draft, place.epoch + 1)
}

/** Reads a message by itself. @throws OpenRefused damaged, newer_format */
export function frameOf(
  stream: string,
  shard: number,
  sequence: number,
  bytes: Uint8Array,
): ChainedFrame {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const frame = readFrame(buffer, 0, buffer.length)
  if (frame === undefined) throw damaged(stream, sequence, 'it is no whole frame')
  if (frame.shard !== shard) throw damaged(stream, sequence, `it is of shard ${frame.shard}`)
  return frame
}

/** The place behind a message. */
export function behind(sequence: number, frame: ChainedFrame): JournalPosition {
  const { epoch, crc } = frame
  return { sequence, ordinal: lastOrdinalOf(frame), epoch, crc }
}

/** Checks that a message fits its place (X2). @throws OpenRefused damaged */
export function checkFits(stream: string, place: JournalPosition, frame: ChainedFrame): void {
  const sequence = place.sequence + 1
  const isFence = frame.count === 0
  if (frame.previousCrc !== place.crc) {
    throw damaged(stream, sequence, 'it does not follow the message before it')
  }
  if (frame.epoch !== place.epoch + (isFence ? 1 : 0)) {
    throw damaged(stream, sequence, `its epoch is ${frame.epoch} after ${place.epoch}`)
  }
  if (frame.firstOrdinal !== place.ordinal + 1) {
    throw damaged(
      stream,
      sequence,
      `it begins at ordinal ${frame.firstOrdinal} after ${place.ordinal}`,
    )
  }
}

/** Says where a stream is damaged. */
export function damaged(stream: string, sequence: number, what: string): OpenRefused {
  return new OpenRefused(
    'damaged',
    `The stream ${stream} is damaged at message ${sequence}: ${what}. Restore it from its backup; nothing was skipped.`,
    { file: stream, offset: sequence },
  )
}
