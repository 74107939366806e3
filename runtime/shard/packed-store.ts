/**
 * The packed store: passivated actors as bytes in an arena, found by address. Owns nothing of their
 * meaning; the shard packs and unpacks.
 *
 * P1. A stored actor costs its packed state, its address and about a dozen bytes, none of them on
 *     the JavaScript heap, so millions of finished payments don't slow the collector.
 * P2. Records are never changed in place: a cut stays consistent while the shard goes on.
 */
import { Arena, type Position } from './arena.js'
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

// Record: address length u16, kind version u16 above it | history u32 | version f64 |
// state length u32 | hash u32 | address | state
const headerBytes = 24
const compactionBytesMin = 1024 * 1024

export class PackedStore {
  private arena = new Arena()
  private slots = new Uint32Array(16)
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

  /** A consistent list of all stored actors, read lazily: later changes of the store don't show. */
  cut(): {
    readonly count: number
    read(visit: (actor: StoredActor) => void, from: number, to: number): void
    readonly slots: number
  } {
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
    words[word + 5] = hash
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
      if (this.hashAt(position) !== hash) continue
      const chunk = this.arena.chunkOf(position)
      const at = this.arena.offsetOf(position) + headerBytes
      const stored = chunk.toString('utf8', at, at + this.addressBytesAt(position))
      if (stored === address) return slot
    }
  }

  private insert(hash: number, position: Position): void {
    if ((this.count + 1) * 4 > this.slots.length * 3) this.resize(this.slots.length * 2)
    place(this.slots, hash, position)
    this.count++
  }

  private resize(length: number): void {
    const slots = new Uint32Array(length)
    for (const position of this.slots) {
      if (position !== 0) place(slots, this.hashAt(position), position)
    }
    this.slots = slots
  }

  private hashAt(position: Position): number {
    return this.arena.wordsOf(position)[this.arena.wordOf(position) + 5]!
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
      const home = this.hashAt(position) & mask
      if (((slot - home) & mask) >= ((slot - hole) & mask)) {
        this.slots[hole] = position
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

function place(slots: Uint32Array, hash: number, position: Position): void {
  const mask = slots.length - 1
  let slot = hash & mask
  while (slots[slot] !== 0) slot = (slot + 1) & mask
  slots[slot] = position
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}

function hashOf(address: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < address.length; i++)
    hash = Math.imul(hash ^ address.charCodeAt(i), 0x01000193)
  hash ^= hash >>> 15
  return (Math.imul(hash, 0x2c1b3c6d) ^ (hash >>> 12)) >>> 0
}
