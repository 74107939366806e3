/**
 * The idempotency table of a shard: for each key a 128-bit keyed hash, a 96-bit hash of what the
 * request meant, and from what its first answer is built again.
 *
 * K1. A key costs at most 64 bytes: 41 in columns, at most 22 in the index, never an object. The index
 *     holds a word of each key, so that other keys on the way to a free place are passed unread.
 * K2. No key is forgotten inside the retention window: beyond its bound the table takes no new ones.
 * K3. Keys leave in the order they came, by shard time alone, so a replay forgets the same ones.
 */
import { assert } from '../assert.js'
import {
  chunkRecords,
  dumpPieces,
  hashWords,
  type Chunk,
  type KeyChunkDump,
  type KeyPiece,
  type MovedKeys,
} from './key-chunks.js'

/** Kinds of records: what `note` means. */
export const recordKinds = {
  /** `note` goes to the kind's `replays` function. */
  note: 1,
  /** A refusal; `note` names it in the shard's list of refusals. */
  refusal: 2,
  /** The answer's bytes are kept beside the table. */
  bytes: 3,
  /** A refusal whose code and detail are kept beside the table. */
  keptRefusal: 4,
} as const
export type RecordKind = (typeof recordKinds)[keyof typeof recordKinds]

/** One remembered key. */
export interface KeyRecord {
  readonly kind: RecordKind
  readonly note: number
  readonly sameRequest: boolean
  /** Number of the record, to find answer bytes by. */
  readonly number: number
}

const partitions = 64
/** An index slot: entry, first word of the key. */
const slotWords = 2
/** Index entries are record numbers on a circle, plus one: 0 is an empty slot. */
const entries = 0xffff_ffff

export class IdempotencyTable {
  /** Chunks, oldest first; those of records before `first` are gone. */
  private chunks: Chunk[] = []
  /** Number of the oldest chunk. */
  private firstChunk = 0
  private index: Uint32Array[]
  private counts = new Uint32Array(partitions)
  /** Number of the oldest and of the next record. */
  private first = 1
  private next = 1
  /** When the oldest record came, in seconds; known while there is one. Spares a look at old memory. */
  private oldestSeconds = 0

  constructor() {
    this.index = Array.from({ length: partitions }, () => new Uint32Array(8 * slotWords))
  }

  /** Numbers of the oldest record and of the next one. */
  get span(): { readonly first: number; readonly next: number } {
    return { first: this.first, next: this.next }
  }

  /** Keys remembered. */
  get size(): number {
    return this.next - this.first
  }

  /** Bytes this table takes, answers kept as bytes included. */
  get bytes(): number {
    let bytes = this.chunks.length * chunkRecords * 41
    for (const slots of this.index) bytes += slots.byteLength
    for (const { answers } of this.chunks) {
      for (const answer of answers.values()) bytes += answer.byteLength
    }
    return bytes
  }

  /** @param hashes {@link hashWords} words */
  find(hashes: readonly number[]): KeyRecord | undefined {
    const word = hashes[0]! >>> 0
    const slots = this.index[word % partitions]!
    const mask = maskOf(slots)
    for (let slot = slotOf(word, mask); ; slot = (slot + slotWords) & mask) {
      const entry = slots[slot]!
      if (entry === 0) return undefined
      if (slots[slot + 1] !== word) continue
      const number = this.numberOf(entry)
      const chunk = this.chunkOf(number)
      const row = (number % chunkRecords) * hashWords
      if (!sameWords(chunk.words, row, hashes, 0, 4)) continue
      return {
        kind: chunk.kinds[number % chunkRecords] as RecordKind,
        note: chunk.notes[number % chunkRecords]!,
        sameRequest: sameWords(chunk.words, row, hashes, 4, hashWords),
        number,
      }
    }
  }

  /** What is kept beside the table of a record of kind `bytes` or `keptRefusal`. */
  answerOf(number: number): Uint8Array | undefined {
    return this.chunkOf(number).answers.get(number)
  }

  /** Remembers a key; one that is remembered already is replaced. */
  insert(
    hashes: readonly number[],
    timeMs: number,
    kind: RecordKind,
    note: number,
    answer?: Uint8Array,
  ): void {
    const number = this.next++
    const chunk = this.chunkFor(number)
    const row = number % chunkRecords
    for (let i = 0; i < hashWords; i++) chunk.words[row * hashWords + i] = hashes[i]!
    chunk.seconds[row] = Math.floor(timeMs / 1000)
    if (number === this.first) this.oldestSeconds = chunk.seconds[row]
    chunk.notes[row] = note
    chunk.kinds[row] = kind
    if (answer !== undefined) chunk.answers.set(number, answer)
    this.link(number, chunk.words, row * hashWords)
  }

  /** True when {@link forgetBefore} would forget one. */
  hasBefore(timeMs: number): boolean {
    return this.first < this.next && this.oldestSeconds < Math.floor(timeMs / 1000)
  }

  /** Forgets keys older than a moment, a few at a time. */
  forgetBefore(timeMs: number, atMost: number): void {
    const seconds = Math.floor(timeMs / 1000)
    for (let i = 0; i < atMost && this.first < this.next; i++) {
      if (this.oldestSeconds >= seconds) return
      this.forgetOldest()
    }
  }

  /** Forgets all records before a number, as the table did that a later dump comes from. */
  forgetUpTo(first: number): void {
    while (this.first < Math.min(first, this.next)) this.forgetOldest()
    if (this.first >= first) return
    // Nothing is left, and what follows is elsewhere on the line of numbers.
    this.chunks.length = 0
    this.first = this.next = first
  }

  /**
   * A consistent cut of everything, as plain data; the table may go on changing while it is read.
   * @param from number of the first record wanted
   */
  dump(from = 0): Generator<KeyChunkDump> {
    const pieces: KeyPiece[] = []
    for (let number = Math.max(from, this.first); number < this.next;) {
      const end = Math.min(this.next, (Math.floor(number / chunkRecords) + 1) * chunkRecords)
      pieces.push({ first: number, count: end - number, chunk: this.chunkOf(number) })
      number = end
    }
    return dumpPieces(pieces)
  }

  /** All of it, to go on in another thread: this one must not be used any more. */
  moved(): MovedKeys {
    const { index, counts, firstChunk, first, next } = this
    const chunks = this.chunks.map(({ answers, ...columns }) => ({
      ...columns,
      // Each alone: it may be a small part of a memory it shares with others.
      answers: Array.from(answers, ([number, bytes]) => [number, Uint8Array.from(bytes)] as const),
    }))
    return { chunks, index, counts, firstChunk, first, next }
  }

  /** Becomes a table that comes from another thread. */
  takeOver({ chunks, index, counts, firstChunk, first, next }: MovedKeys): void {
    this.chunks = chunks.map(({ answers, ...columns }) => ({
      ...columns,
      answers: new Map(answers),
    }))
    this.index = [...index]
    Object.assign(this, { counts, firstChunk, first, next })
    this.noteOldest()
  }

  /** Makes room for so many keys, at once. */
  reserve(count: number): void {
    // A little more than the mean: the hashes fall evenly, not exactly so.
    const each = Math.ceil((count / partitions) * 1.1)
    let words = 8 * slotWords
    while (each * 4 * slotWords > words * 3) words *= 2
    for (let part = 0; part < partitions; part++) {
      if (this.counts[part] === 0 && this.index[part]!.length < words)
        this.index[part] = new Uint32Array(words)
    }
  }

  /** Takes one chunk of a dump over; chunks come in order. */
  restore(dump: KeyChunkDump): void {
    if (this.first === this.next) this.forgetUpTo(dump.first)
    assert(this.next === dump.first, 'idempotency records of a snapshot are not in order')
    // Copies: what was unpacked may be a Buffer at any offset of a larger memory.
    const words = new Int32Array(new Uint8Array(dump.words).buffer)
    const seconds = new Uint32Array(new Uint8Array(dump.seconds).buffer)
    const notes = new Float64Array(new Uint8Array(dump.notes).buffer)
    const count = dump.kinds.length
    for (let done = 0; done < count;) {
      const row = this.next % chunkRecords
      const taken = Math.min(count - done, chunkRecords - row)
      const chunk = this.chunkFor(this.next)
      chunk.words.set(words.subarray(done * hashWords, (done + taken) * hashWords), row * hashWords)
      chunk.seconds.set(seconds.subarray(done, done + taken), row)
      chunk.notes.set(notes.subarray(done, done + taken), row)
      chunk.kinds.set(dump.kinds.subarray(done, done + taken), row)
      for (let i = 0; i < taken; i++) this.link(this.next++, chunk.words, (row + i) * hashWords)
      done += taken
    }
    this.noteOldest()
    for (const [number, answer] of dump.answers) this.chunkOf(number).answers.set(number, answer)
  }

  private forgetOldest(): void {
    const number = this.first
    this.unlink(number, this.firstWordOf(number))
    this.first++
    if (this.first % chunkRecords === 0) {
      this.chunks.shift()
      this.firstChunk++
    }
    this.noteOldest()
  }

  private noteOldest(): void {
    if (this.first === this.next) return
    this.oldestSeconds = this.chunkOf(this.first).seconds[this.first % chunkRecords]!
  }

  private chunkFor(number: number): Chunk {
    if (this.chunks.length === 0) this.firstChunk = Math.floor(number / chunkRecords)
    const at = Math.floor(number / chunkRecords) - this.firstChunk
    let chunk = this.chunks[at]
    if (chunk === undefined) {
      chunk = {
        words: new Int32Array(chunkRecords * hashWords),
        seconds: new Uint32Array(chunkRecords),
        notes: new Float64Array(chunkRecords),
        kinds: new Uint8Array(chunkRecords),
        answers: new Map(),
      }
      this.chunks[at] = chunk
    }
    return chunk
  }

  private chunkOf(number: number): Chunk {
    return this.chunks[Math.floor(number / chunkRecords) - this.firstChunk]!
  }

  /** Number of the record an index entry means: the live ones span less than a turn of the circle. */
  private numberOf(entry: number): number {
    const ahead = entry - 1 - (this.first % entries)
    return this.first + (ahead < 0 ? ahead + entries : ahead)
  }

  private firstWordOf(number: number): number {
    return this.chunkOf(number).words[(number % chunkRecords) * hashWords]! >>> 0
  }

  /** Points the index at a record, in place of an older one with the same key. */
  private link(number: number, words: Int32Array, at: number): void {
    const word = words[at]! >>> 0
    const part = word % partitions
    let slots = this.index[part]!
    if ((this.counts[part]! + 1) * 4 * slotWords > slots.length * 3) slots = this.grow(part)
    const mask = maskOf(slots)
    let slot = slotOf(word, mask)
    for (; slots[slot] !== 0; slot = (slot + slotWords) & mask) {
      if (slots[slot + 1] !== word) continue
      const other = this.numberOf(slots[slot]!)
      const row = (other % chunkRecords) * hashWords
      if (sameKey(this.chunkOf(other).words, row, words, at)) {
        slots[slot] = entryOf(number)
        return
      }
    }
    slots[slot] = entryOf(number)
    slots[slot + 1] = word
    this.counts[part]!++
  }

  private grow(part: number): Uint32Array {
    const old = this.index[part]!
    const slots = new Uint32Array(old.length * 2)
    const mask = maskOf(slots)
    for (let from = 0; from < old.length; from += slotWords) {
      if (old[from] === 0) continue
      let slot = slotOf(old[from + 1]!, mask)
      while (slots[slot] !== 0) slot = (slot + slotWords) & mask
      slots[slot] = old[from]!
      slots[slot + 1] = old[from + 1]!
    }
    this.index[part] = slots
    return slots
  }

  private unlink(number: number, word: number): void {
    const part = word % partitions
    const slots = this.index[part]!
    const mask = maskOf(slots)
    let hole = slotOf(word, mask)
    const entry = entryOf(number)
    while (slots[hole] !== entry) {
      // A newer record of the same key took the slot over.
      if (slots[hole] === 0) return
      hole = (hole + slotWords) & mask
    }
    for (
      let slot = (hole + slotWords) & mask;
      slots[slot] !== 0;
      slot = (slot + slotWords) & mask
    ) {
      const home = slotOf(slots[slot + 1]!, mask)
      if (((slot - home) & mask) >= ((slot - hole) & mask)) {
        slots[hole] = slots[slot]!
        slots[hole + 1] = slots[slot + 1]!
        hole = slot
      }
    }
    slots[hole] = 0
    this.counts[part]!--
  }
}

function entryOf(number: number): number {
  return (number % entries) + 1
}

/** Keeps a place in an index inside it, and at the begin of a slot. */
function maskOf(slots: Uint32Array): number {
  return slots.length - slotWords
}

function slotOf(word: number, mask: number): number {
  return ((word >>> 6) * slotWords) & mask
}

/** Compares words `from` to `to` of a request with those of the record at `row`. */
function sameWords(
  words: Int32Array,
  row: number,
  hashes: readonly number[],
  from: number,
  to: number,
): boolean {
  for (let i = from; i < to; i++) if (words[row + i] !== hashes[i]) return false
  return true
}

/** Compares the keys of two records. */
function sameKey(words: Int32Array, row: number, others: Int32Array, at: number): boolean {
  for (let i = 0; i < 4; i++) if (words[row + i] !== others[at + i]) return false
  return true
}
