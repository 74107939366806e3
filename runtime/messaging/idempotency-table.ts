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

/** Kinds of records: what `note` means. */
export const recordKinds = {
  /** `note` goes to the kind's `replays` function. */
  note: 1,
  /** A refusal; `note` names it in the shard's list of refusals. */
  refusal: 2,
  /** The answer's bytes are kept beside the table. */
  bytes: 3,
} as const
export type RecordKind = (typeof recordKinds)[keyof typeof recordKinds]

/** Words of a request's hashes: four of the key, three of its meaning. */
export const hashWords = 7

/** One remembered key. */
export interface KeyRecord {
  readonly kind: RecordKind
  readonly note: number
  readonly sameRequest: boolean
  /** Number of the record, to find answer bytes by. */
  readonly number: number
}

const chunkRecords = 1_024
const partitions = 64
/** An index slot: entry, first word of the key. */
const slotWords = 2
/** Index entries are record numbers on a circle, plus one: 0 is an empty slot. */
const entries = 0xffff_ffff

interface Chunk {
  readonly words: Int32Array
  readonly seconds: Uint32Array
  readonly notes: Float64Array
  readonly kinds: Uint8Array
}

export class IdempotencyTable {
  /** Chunks, oldest first; those of records before `first` are gone. */
  private readonly chunks: Chunk[] = []
  /** Number of the oldest chunk. */
  private firstChunk = 0
  private readonly index: Uint32Array[]
  private readonly counts = new Uint32Array(partitions)
  private readonly answers = new Map<number, Uint8Array>()
  /** Number of the oldest and of the next record. */
  private first = 1
  private next = 1
  /** When the oldest record came, in seconds; known while there is one. Spares a look at old memory. */
  private oldestSeconds = 0

  constructor() {
    this.index = Array.from({ length: partitions }, () => new Uint32Array(8 * slotWords))
  }

  /** Keys remembered. */
  get size(): number {
    return this.next - this.first
  }

  /** Bytes this table takes, answers kept as bytes included. */
  get bytes(): number {
    let bytes = this.chunks.length * chunkRecords * 41
    for (const slots of this.index) bytes += slots.byteLength
    for (const answer of this.answers.values()) bytes += answer.byteLength
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

  /** Answer bytes of a record of kind `bytes`. */
  answerOf(number: number): Uint8Array | undefined {
    return this.answers.get(number)
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
    if (answer !== undefined) this.answers.set(number, answer)
    this.link(number, hashes)
  }

  /** Forgets keys older than a moment, a few at a time. */
  forgetBefore(timeMs: number, atMost: number): void {
    const seconds = Math.floor(timeMs / 1000)
    for (let i = 0; i < atMost && this.first < this.next; i++) {
      if (this.oldestSeconds >= seconds) return
      const number = this.first
      this.unlink(number, this.firstWordOf(number))
      this.answers.delete(number)
      this.first++
      if (this.first % chunkRecords === 0) {
        this.chunks.shift()
        this.firstChunk++
      }
      if (this.first < this.next) {
        this.oldestSeconds = this.chunkOf(this.first).seconds[this.first % chunkRecords]!
      }
    }
  }

  /** A consistent cut of everything, as plain data; the table may go on changing while it is read. */
  dump(): Generator<KeyChunkDump> {
    const pieces: { first: number; count: number; chunk: Chunk }[] = []
    for (let number = this.first; number < this.next;) {
      const end = Math.min(this.next, (Math.floor(number / chunkRecords) + 1) * chunkRecords)
      pieces.push({ first: number, count: end - number, chunk: this.chunkOf(number) })
      number = end
    }
    return dumpPieces(pieces, new Map(this.answers))
  }

  /** Takes one chunk of a dump over; chunks come in order. */
  restore(dump: KeyChunkDump): void {
    if (this.first === this.next) {
      this.first = dump.first
      this.next = dump.first
    }
    assert(this.next === dump.first, 'idempotency records of a snapshot are not in order')
    // Copies: what was unpacked may be a Buffer, whose own `slice` is a view of a larger memory.
    const words = new Int32Array(new Uint8Array(dump.words).buffer)
    const seconds = new Uint32Array(new Uint8Array(dump.seconds).buffer)
    const notes = new Float64Array(new Uint8Array(dump.notes).buffer)
    const answers = new Map(dump.answers)
    const hashes = new Array<number>(hashWords).fill(0)
    for (let i = 0; i < dump.kinds.length; i++) {
      const answer = answers.get(dump.first + i)
      for (let word = 0; word < hashWords; word++) hashes[word] = words[i * hashWords + word]!
      this.insert(hashes, seconds[i]! * 1000, dump.kinds[i] as RecordKind, notes[i]!, answer)
    }
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
  private link(number: number, hashes: readonly number[]): void {
    const word = hashes[0]! >>> 0
    const part = word % partitions
    let slots = this.index[part]!
    if ((this.counts[part]! + 1) * 4 * slotWords > slots.length * 3) slots = this.grow(part)
    const mask = maskOf(slots)
    let slot = slotOf(word, mask)
    for (; slots[slot] !== 0; slot = (slot + slotWords) & mask) {
      if (slots[slot + 1] !== word) continue
      const other = this.numberOf(slots[slot]!)
      const row = (other % chunkRecords) * hashWords
      if (sameWords(this.chunkOf(other).words, row, hashes, 0, 4)) {
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

function* dumpPieces(
  pieces: readonly { first: number; count: number; chunk: Chunk }[],
  answers: ReadonlyMap<number, Uint8Array>,
): Generator<KeyChunkDump> {
  for (const { first, count, chunk } of pieces) {
    const low = first % chunkRecords
    const high = low + count
    const kept: [number, Uint8Array][] = []
    for (let number = first; number < first + count && answers.size > 0; number++) {
      const answer = answers.get(number)
      if (answer !== undefined) kept.push([number, answer])
    }
    yield {
      first,
      words: bytesOf(chunk.words.slice(low * hashWords, high * hashWords)),
      seconds: bytesOf(chunk.seconds.slice(low, high)),
      notes: bytesOf(chunk.notes.slice(low, high)),
      kinds: chunk.kinds.slice(low, high),
      answers: kept,
    }
  }
}

/** One chunk of a table as plain data. */
export interface KeyChunkDump {
  readonly first: number
  readonly words: Uint8Array
  readonly seconds: Uint8Array
  readonly notes: Uint8Array
  readonly kinds: Uint8Array
  readonly answers: readonly (readonly [number, Uint8Array])[]
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

function bytesOf(array: Int32Array | Uint32Array | Float64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}
