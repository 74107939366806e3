/**
 * The packed store: passivated actors as bytes in an arena, found by address. Owns nothing of their
 * meaning; the shard packs and unpacks.
 *
 * P1. A stored actor costs its packed state, its address and about a dozen bytes, none of them on
 *     the JavaScript heap, so millions of finished payments don't slow the collector.
 *     A slot holds the hash beside the position: what is not stored is missed, and the table grows,
 *     without a look at any record.
 * P2. Records are never changed in place: a cut stays consistent while the shard goes on.
 * P3. Records are the same bytes in a store and in a snapshot: to take a million of them over is to copy
 *     them and to find their places, nothing is unpacked.
 */
import { Arena, regionBytesMax, type Position } from './arena.js'
import { assert } from '../assert.js'
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

/** A consistent list of all actors of a store, read little by little: later changes don't show (P2). */
export interface StoreCut {
  readonly count: number
  /** Places to ask for; some are empty. */
  readonly slots: number
  read(visit: (actor: StoredActor) => void, from: number, to: number): void
  /** All records, in pieces for {@link PackedStore.adopt}. A piece is valid until the next one. */
  records(): Generator<Uint8Array>
}

/**
 * Looks at a record that is taken over.
 * @param bytes with the address from `from` to `to`
 */
export type RecordCheck = (bytes: Buffer, from: number, to: number, kindVersion: number) => void

// Record, padded to eight: address length u16, kind version u16 above it | history u32 | version f64 |
// state length u32 | address | state
const headerBytes = 20
const compactionBytesMin = 1024 * 1024

export class PackedStore {
  private arena = new Arena()
  private slots = new Uint32Array(16)
  /** Hashes of the addresses at {@link slots}. */
  private hashes = new Uint32Array(16)
  private count = 0
  private wastedBytes = 0

  get size(): number {
    return this.count
  }

  /** Stores an actor whose state is packed already. */
  put(actor: StoredActor): void {
    const { state } = actor
    this.store(actor, state.length, (chunk, at) => {
      chunk.set(state, at)
    })
  }

  /** Stores an actor and packs its state right where it will stay. */
  pack(actor: Omit<StoredActor, 'state'>, state: unknown, codec: ShapedCodec): void {
    const length = codec.measure(state)
    this.store(actor, length, (chunk, at) => {
      codec.copyTo(chunk, at)
    })
  }

  /** Takes an actor out. @returns undefined when it is not stored */
  take(address: string): StoredActor | undefined {
    const slot = this.find(address)
    if (slot < 0) return undefined
    const actor = this.recordAt(this.slots[slot]!)
    this.wastedBytes += headerBytes + address.length + actor.state.length
    this.removeSlot(slot)
    if (this.wastedBytes > compactionBytesMin && this.wastedBytes * 2 > this.arena.bytes)
      this.compact()
    return actor
  }

  /** Reads an actor and leaves it stored. */
  peek(address: string): StoredActor | undefined {
    const slot = this.find(address)
    return slot < 0 ? undefined : this.recordAt(this.slots[slot]!)
  }

  /** A cut of all that is stored now. */
  cut(): StoreCut {
    const slots = this.slots.slice()
    const arena = this.arena
    return {
      count: this.count,
      slots: slots.length,
      read: (visit, from, to) => {
        for (let slot = from; slot < to && slot < slots.length; slot++) {
          const position = slots[slot]!
          if (position !== 0) visit(readRecord(arena, position))
        }
      },
      records: () => recordsAt(arena, slots),
    }
  }

  /**
   * Takes over one piece of another store's records; none of their actors may be stored here.
   * @throws RangeError when the piece is not whole, and what `check` throws
   */
  adopt(piece: Uint8Array, check: RecordCheck): void {
    const first = this.arena.allocate(piece.length)
    const chunk = this.arena.chunkOf(first)
    const start = this.arena.offsetOf(first)
    chunk.set(piece, start)
    const end = start + piece.length
    for (let at = start; at < end; at += recordBytes(chunk, at)) {
      if (at + headerBytes > end || at + recordBytes(chunk, at) > end) {
        throw new RangeError('packed actors end too early')
      }
      const from = at + headerBytes
      const to = from + chunk.readUInt16LE(at)
      check(chunk, from, to, chunk.readUInt16LE(at + 2))
      this.insert(hashOfBytes(chunk, from, to), first + (at - start) / 8)
    }
  }

  private store(
    actor: Omit<StoredActor, 'state'>,
    stateBytes: number,
    writeState: (chunk: Buffer, at: number) => void,
  ): void {
    const { address } = actor
    const hash = hashOf(address)
    const addressBytes = isAscii(address) ? address.length : Buffer.byteLength(address, 'utf8')
    const position = this.arena.allocate(headerBytes + addressBytes + stateBytes)
    const chunk = this.arena.chunkOf(position)
    const at = this.arena.offsetOf(position)
    const words = this.arena.wordsOf(position)
    const word = this.arena.wordOf(position)
    words[word] = addressBytes | (actor.kindVersion << 16)
    words[word + 1] = actor.history
    this.arena.floatsOf(position)[this.arena.unitOf(position) + 1] = actor.version
    words[word + 4] = stateBytes
    if (addressBytes === address.length) {
      for (let i = 0; i < addressBytes; i++) chunk[at + headerBytes + i] = address.charCodeAt(i)
    } else chunk.write(address, at + headerBytes, 'utf8')
    writeState(chunk, at + headerBytes + addressBytes)
    this.insert(hash, position)
  }

  private recordAt(position: Position): StoredActor {
    return readRecord(this.arena, position)
  }

  private find(address: string): number {
    const mask = this.slots.length - 1
    const hash = hashOf(address)
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const position = this.slots[slot]!
      if (position === 0) return -1
      if (this.hashes[slot] !== hash) continue
      const chunk = this.arena.chunkOf(position)
      const at = this.arena.offsetOf(position) + headerBytes
      const stored = chunk.toString('utf8', at, at + this.addressBytesAt(position))
      if (stored === address) return slot
    }
  }

  private insert(hash: number, position: Position): void {
    if ((this.count + 1) * 4 > this.slots.length * 3) this.grow()
    this.place(hash, position)
    this.count++
  }

  private grow(): void {
    const { slots, hashes } = this
    this.slots = new Uint32Array(slots.length * 2)
    this.hashes = new Uint32Array(slots.length * 2)
    for (let slot = 0; slot < slots.length; slot++) {
      if (slots[slot] !== 0) this.place(hashes[slot]!, slots[slot]!)
    }
  }

  private place(hash: number, position: Position): void {
    const { slots } = this
    const mask = slots.length - 1
    let slot = hash & mask
    while (slots[slot] !== 0) slot = (slot + 1) & mask
    slots[slot] = position
    this.hashes[slot] = hash
  }

  private addressBytesAt(position: Position): number {
    return this.arena.wordsOf(position)[this.arena.wordOf(position)]! & 0xffff
  }

  /** Closes the gap a removal leaves in a probe sequence (Knuth 6.4, algorithm R). */
  private removeSlot(hole: number): void {
    const mask = this.slots.length - 1
    for (let slot = (hole + 1) & mask; ; slot = (slot + 1) & mask) {
      const position = this.slots[slot]!
      if (position === 0) break
      const home = this.hashes[slot]! & mask
      if (((slot - home) & mask) >= ((slot - hole) & mask)) {
        this.slots[hole] = position
        this.hashes[hole] = this.hashes[slot]!
        hole = slot
      }
    }
    this.slots[hole] = 0
    this.count--
    assert(this.count >= 0, 'the packed store counts below zero')
  }

  private compact(): void {
    const old = this.arena
    const positions = this.slots.filter((position) => position !== 0)
    this.arena = new Arena()
    this.slots = new Uint32Array(this.slots.length)
    this.hashes = new Uint32Array(this.slots.length)
    this.count = 0
    this.wastedBytes = 0
    for (const position of positions) this.put(readRecord(old, position))
  }
}

function readRecord(arena: Arena, position: Position): StoredActor {
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
function recordBytes(chunk: Buffer, at: number): number {
  return (headerBytes + chunk.readUInt16LE(at) + chunk.readUInt32LE(at + 16) + 7) & ~7
}

/** Copies records into pieces that fit a chunk; one that is larger is a piece of its own. */
function* recordsAt(arena: Arena, positions: Uint32Array): Generator<Uint8Array> {
  const piece = Buffer.allocUnsafe(regionBytesMax)
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
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}

/** FNV-1a, then mixed: neighbouring names must not become neighbouring slots. */
const hashSeed = 0x811c9dc5
const hashFactor = 0x01000193

function hashOf(address: string): number {
  let hash = hashSeed
  for (let i = 0; i < address.length; i++)
    hash = Math.imul(hash ^ address.charCodeAt(i), hashFactor)
  return mixed(hash)
}

function mixed(hash: number): number {
  const folded = hash ^ (hash >>> 15)
  return (Math.imul(folded, 0x2c1b3c6d) ^ (folded >>> 12)) >>> 0
}

/** The hash of an address that stands in memory. */
function hashOfBytes(bytes: Buffer, from: number, to: number): number {
  let hash = hashSeed
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!
    if (byte > 0x7f) return hashOf(bytes.toString('utf8', from, to))
    hash = Math.imul(hash ^ byte, hashFactor)
  }
  return mixed(hash)
}
