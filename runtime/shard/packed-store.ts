/**
 * The packed store: passivated actors as bytes in an arena, found by address. Owns nothing of their
 * meaning; the shard packs and unpacks.
 *
 * P1. A stored actor costs its packed state, its address and about a dozen bytes, none of them on
 *     the JavaScript heap, so millions of finished payments don't slow the collector.
 *     A slot holds hash and position, so a miss and a growth of the table touch no record.
 * P2. Records are never changed in place: a cut stays consistent while the shard goes on.
 * P3. Records are the same bytes in a store and in a snapshot: to take a million of them over is to copy
 *     them and to find their places, nothing is unpacked.
 */
import { Arena, type ArenaMark, type MovedArena, type Position } from './arena.js'
import { assert } from '../assert.js'
import { ordinaryMemory, type MakeMemory } from '../off-heap.js'
import {
  assertHeader,
  headerBytes,
  isAscii,
  isText,
  piecesAt,
  piecesFrom,
  readRecord,
  recordBytes,
  type PackedActor,
  type StoredActor,
} from './packed-records.js'
import type { ShapedCodec } from '../../transport/index.js'

export type { StoredActor } from './packed-records.js'

/** A consistent list of all actors of a store, read little by little: later changes don't show (P2). */
export interface StoreCut {
  readonly count: number
  /** Places to ask for; some are empty. */
  readonly slots: number
  read(visit: (actor: StoredActor) => void, from: number, to: number): void
  /** All records, in pieces for {@link PackedStore.adopt}. A piece is valid until the next one. */
  records(): Generator<Uint8Array>
}

/** A place in a store's records: what was stored by then stands before it. */
export interface StoreMark {
  readonly arena: Arena
  readonly at: ArenaMark
}

/** A store on its way to another thread. */
export interface MovedStore {
  readonly arena: MovedArena
  readonly slots: Uint32Array
  readonly hashes: Uint32Array
  readonly count: number
  readonly wastedBytes: number
}

/**
 * Looks at a record that is taken over.
 * @param bytes with the address from `from` to `to`
 */
export type RecordCheck = (bytes: Buffer, from: number, to: number, kindVersion: number) => void

const compactionBytesMin = 1024 * 1024

export class PackedStore {
  private arena: Arena
  private slots = new Uint32Array(16)
  /** Hashes of the addresses at {@link slots}. */
  private hashes = new Uint32Array(16)
  private count = 0
  private wastedBytes = 0

  /** @param memory of its records, until it is compacted for the first time */
  constructor(memory: MakeMemory = ordinaryMemory) {
    this.arena = new Arena(memory)
  }

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
  pack(actor: PackedActor, state: unknown, codec: ShapedCodec): void {
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
    this.compactWhenDue()
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
      records: () => piecesAt(arena, slots),
    }
  }

  /** All of it, to go on in another thread: this one must not be used any more. */
  moved(): MovedStore {
    const { slots, hashes, count, wastedBytes } = this
    return { arena: this.arena.moved(), slots, hashes, count, wastedBytes }
  }

  /** Becomes a store that comes from another thread. */
  takeOver({ arena, slots, hashes, count, wastedBytes }: MovedStore): void {
    this.arena = Arena.of(arena)
    Object.assign(this, { slots, hashes, count, wastedBytes })
  }

  /** Where the next record will stand. */
  mark(): StoreMark {
    return { arena: this.arena, at: this.arena.mark() }
  }

  /** True while all that was stored since a mark stands behind it: until the store is compacted. */
  reaches(mark: StoreMark): boolean {
    return mark.arena === this.arena
  }

  /**
   * Records stored since a mark, oldest first, in pieces for {@link adopt}: also those taken out again.
   * Later changes don't show (P2).
   */
  recordsSince(mark: StoreMark): Generator<Uint8Array> {
    assert(this.reaches(mark), 'a store is read from a mark it reaches')
    return piecesFrom(this.arena.cut(), mark.at)
  }

  /** Makes room for so many actors more, at once. */
  reserve(count: number): void {
    let slots = this.slots.length
    while ((this.count + count) * 4 > slots * 3) slots *= 2
    if (slots > this.slots.length) this.growTo(slots)
  }

  /**
   * Takes over one piece of another store's records.
   * @param fresh true when none of their actors is stored here; else they come in place of what is
   * @throws RangeError when the piece is not whole, and what `check` throws
   */
  adopt(piece: Uint8Array, check: RecordCheck, fresh = true): void {
    const first = this.arena.allocate(piece.length)
    const chunk = this.arena.chunkOf(first)
    const start = this.arena.offsetOf(first)
    chunk.set(piece, start)
    const end = start + piece.length
    const words = this.arena.wordsOf(first)
    let at = start
    while (at < end) {
      const word = at >>> 2
      const next = at + headerBytes + (words[word]! & 0xffff) + words[word + 4]!
      if (at + headerBytes > end || next > end) {
        throw new RangeError('packed actors end too early')
      }
      const from = at + headerBytes
      const to = from + (words[word]! & 0xffff)
      check(chunk, from, to, words[word]! >>> 16)
      const hash = hashOfBytes(chunk, from, to)
      const position = first + (at - start) / 8
      if (fresh || !this.replace(hash, position)) this.insert(hash, position)
      at = (next + 7) & ~7
    }
  }

  /** Puts a record in the place of one of the same actor. @returns false when there is none */
  private replace(hash: number, position: Position): boolean {
    const chunk = this.arena.chunkOf(position)
    const at = this.arena.offsetOf(position)
    const to = at + headerBytes + this.addressBytesAt(position)
    const mask = this.slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const other = this.slots[slot]!
      if (other === 0) return false
      if (this.hashes[slot] !== hash) continue
      const otherChunk = this.arena.chunkOf(other)
      const otherAt = this.arena.offsetOf(other)
      const from = otherAt + headerBytes
      const end = from + this.addressBytesAt(other)
      if (chunk.compare(otherChunk, from, end, at + headerBytes, to) !== 0) continue
      this.wastedBytes += recordBytes(otherChunk, otherAt)
      this.slots[slot] = position
      return true
    }
  }

  private store(
    actor: PackedActor,
    stateBytes: number,
    writeState: (chunk: Buffer, at: number) => void,
  ): void {
    const { address } = actor
    const hash = hashOf(address)
    const addressBytes = isAscii(address) ? address.length : Buffer.byteLength(address, 'utf8')
    assertHeader(addressBytes, actor.kindVersion)
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
      if (isText(chunk, at, at + this.addressBytesAt(position), address)) return slot
    }
  }

  private insert(hash: number, position: Position): void {
    if ((this.count + 1) * 4 > this.slots.length * 3) this.grow()
    this.place(hash, position)
    this.count++
  }

  private grow(): void {
    this.growTo(this.slots.length * 2)
  }

  private growTo(length: number): void {
    const { slots, hashes } = this
    this.slots = new Uint32Array(length)
    this.hashes = new Uint32Array(length)
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

  private compactWhenDue(): void {
    if (this.wastedBytes > compactionBytesMin && this.wastedBytes * 2 > this.arena.bytes)
      this.compact()
  }

  private compact(): void {
    const old = this.arena
    const positions = this.slots.filter((position) => position !== 0)
    // Where actors come and go this one is let go too some day.
    this.arena = new Arena()
    this.slots = new Uint32Array(this.slots.length)
    this.hashes = new Uint32Array(this.slots.length)
    this.count = 0
    this.wastedBytes = 0
    for (const position of positions) this.put(readRecord(old, position))
  }
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
