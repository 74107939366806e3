/**
 * Records of packed actors as bytes, and rows of them as pieces that a store adopts. The store finds them;
 * here is how they look.
 *
 *   address length u16 | kind version u16 | history u32 | version f64 | state length u32 | address | state
 *
 * in an arena and in a piece alike padded to eight bytes.
 */
import {
  pieceBytesMax,
  unusedBytes,
  type Arena,
  type ArenaCut,
  type ArenaMark,
  type Position,
} from './arena.js'
import { assert } from '../assert.js'
import { grown, SpareBuffers } from '../spare-buffers.js'
import type { ShapedCodec } from '../../transport/index.js'

/** What is kept of an actor. */
export interface StoredActor {
  readonly address: string
  /** Version of the kind's definition the state was packed with. */
  readonly kindVersion: number
  /** Number of events so far. */
  readonly version: number
  /** Head of its history; 0 when it has none. */
  readonly history: Position
  /** Packed state. */
  readonly state: Uint8Array
}

/** An actor on its way into a store: its state is not packed yet. */
export type PackedActor = Omit<StoredActor, 'state'>

export const headerBytes = 20

/** @throws InvariantViolated for what two bytes would cut short: another actor, of another version */
export function assertHeader(addressBytes: number, kindVersion: number): void {
  assert(
    addressBytes <= 0xffff,
    'the address of a packed actor has more bytes than its record says',
  )
  assert((kindVersion & 0xffff) === kindVersion, 'a packed actor has a version no record can say')
}

export function readRecord(arena: Arena, position: Position): StoredActor {
  const chunk = arena.chunkOf(position)
  const at = arena.offsetOf(position)
  const addressBytes = chunk.readUInt16LE(at)
  const stateAt = at + headerBytes + addressBytes
  return {
    address: chunk.toString('utf8', at + headerBytes, stateAt),
    kindVersion: chunk.readUInt16LE(at + 2),
    history: chunk.readUInt32LE(at + 4),
    version: chunk.readDoubleLE(at + 8),
    state: chunk.subarray(stateAt, stateAt + chunk.readUInt32LE(at + 16)),
  }
}

/** Bytes of the record at an offset. */
export function recordBytes(chunk: Buffer, at: number): number {
  return (headerBytes + chunk.readUInt16LE(at) + chunk.readUInt32LE(at + 16) + 7) & ~7
}

const spares = new SpareBuffers(pieceBytesMax)

/**
 * Copies records into pieces that fit a chunk; one that is larger is a piece of its own. Each is valid until
 * the next one.
 */
export function* piecesAt(arena: Arena, positions: Uint32Array): Generator<Uint8Array> {
  const piece = spares.take()
  let used = 0
  for (const position of positions) {
    if (position === 0) continue
    const chunk = arena.chunkOf(position)
    const at = arena.offsetOf(position)
    const bytes = recordBytes(chunk, at)
    if (used + bytes > piece.length && used > 0) {
      yield piece.subarray(0, used)
      used = 0
    }
    if (bytes > piece.length) yield chunk.subarray(at, at + bytes)
    else used += chunk.copy(piece, used, at, at + bytes)
  }
  if (used > 0) yield piece.subarray(0, used)
  spares.give(piece)
}

/** The records of an arena behind a mark, as they stand there. */
export function* piecesFrom({ chunks, used }: ArenaCut, mark: ArenaMark): Generator<Uint8Array> {
  for (let i = mark.chunk; i < chunks.length; i++) {
    const chunk = chunks[i]!
    const end = used[i]!
    let from = Math.max(i === mark.chunk ? mark.used : 0, i === 0 ? unusedBytes : 0)
    for (let at = from; at < end;) {
      const next = at + recordBytes(chunk, at)
      if (next - from > pieceBytesMax && at > from) {
        yield chunk.subarray(from, at)
        from = at
      }
      at = next
    }
    if (end > from) yield chunk.subarray(from, end)
  }
}

/** Gathers records of actors in memory into pieces. */
export class RecordWriter {
  private piece = spares.take()
  private used = 0

  get empty(): boolean {
    return this.used === 0
  }

  /** @returns false when the piece has no room for it: it has to be taken first */
  add(actor: PackedActor, state: unknown, codec: ShapedCodec): boolean {
    const stateBytes = codec.measure(state)
    const { address } = actor
    const addressBytes = isAscii(address) ? address.length : Buffer.byteLength(address, 'utf8')
    assertHeader(addressBytes, actor.kindVersion)
    const end = this.used + ((headerBytes + addressBytes + stateBytes + 7) & ~7)
    if (end > pieceBytesMax && this.used > 0) return false
    if (end > this.piece.length) this.piece = grown(this.piece, 0, end)
    const { piece, used } = this
    piece.fill(0, end - 8, end)
    piece.writeUInt16LE(addressBytes, used)
    piece.writeUInt16LE(actor.kindVersion, used + 2)
    piece.writeUInt32LE(actor.history, used + 4)
    piece.writeDoubleLE(actor.version, used + 8)
    piece.writeUInt32LE(stateBytes, used + 16)
    piece.write(address, used + headerBytes, addressBytes === address.length ? 'latin1' : 'utf8')
    codec.copyTo(piece, used + headerBytes + addressBytes)
    this.used = end
    return true
  }

  /** The records so far; valid until the next one is added. */
  take(): Uint8Array {
    const piece = this.piece.subarray(0, this.used)
    this.used = 0
    return piece
  }

  /** Nothing is added any more, and nobody reads what was taken. */
  end(): void {
    spares.give(this.piece)
  }
}

export function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}

/** Whether bytes are a text in UTF-8; for ASCII without a call into native code. */
export function isText(bytes: Buffer, from: number, to: number, text: string): boolean {
  const { length } = text
  if (to - from !== length) return to - from > length && bytes.toString('utf8', from, to) === text
  // As many bytes as characters: equal only if all of it is ASCII.
  for (let i = 0; i < length; i++) {
    const byte = bytes[from + i]!
    if (byte !== text.charCodeAt(i) || byte > 0x7f) return false
  }
  return true
}
