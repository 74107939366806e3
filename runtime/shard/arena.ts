/**
 * A byte arena: records appended to chunks outside the JavaScript heap, named by their position.
 *
 * R1. A record never moves and never crosses a chunk, so a position stays valid and a copy of the
 *     chunk list with a length is a consistent cut while appends go on.
 * R2. Positions are multiples of eight, counted in units of eight bytes, so that 32 bits reach 32 GiB.
 */
import { lastingMemory, ordinaryMemory, type MakeMemory } from '../off-heap.js'

const unitBits = 15
const unitsPerChunk = 1 << unitBits
const chunkBytes = unitsPerChunk * 8
const firstChunkBytes = 4 * 1024
/** The first bytes of an arena are no record's: position 0 means "none". */
export const unusedBytes = 8

/** Bytes of a piece of records that are read or copied at once: four of them fit any chunk. */
export const pieceBytesMax = ((chunkBytes - unusedBytes) / 4) & ~7

/** Position of a record in units of eight bytes; 0 means none. */
export type Position = number

/** A cut of an arena: enough to write it down while it grows. */
export interface ArenaCut {
  readonly chunks: readonly Buffer[]
  /** Bytes used of each chunk. */
  readonly used: readonly number[]
}

/** A place in an arena. */
export interface ArenaMark {
  readonly chunk: number
  /** Bytes before it in that chunk. */
  readonly used: number
}

/** An arena on its way to another thread. */
export interface MovedArena {
  /** Memory of their own, each: shared, or to be transferred. */
  readonly chunks: readonly Uint8Array[]
  readonly used: readonly number[]
  /** True when its memory is {@link lastingMemory}. */
  readonly lasting: boolean
}

export class Arena {
  private chunks: Buffer[] = []
  /** The same memory as numbers: a load or store through them compiles to one instruction. */
  private words: Uint32Array[] = []
  private floats: Float64Array[] = []
  private used: number[] = []
  private readonly memory: MakeMemory

  /** @param memory of its chunks @default what may be let go */
  constructor(memory: MakeMemory = ordinaryMemory) {
    this.memory = memory
  }

  /** An arena that comes from another thread. */
  static of({ chunks, used, lasting }: MovedArena): Arena {
    const arena = new Arena(lasting ? lastingMemory : ordinaryMemory)
    for (const [index, { buffer, byteOffset, byteLength }] of chunks.entries()) {
      arena.setChunk(index, Buffer.from(buffer, byteOffset, byteLength))
      arena.used.push(used[index]!)
    }
    return arena
  }

  /** All of it, to go on in another thread: this one must not be used any more. */
  moved(): MovedArena {
    return { chunks: this.chunks, used: this.used, lasting: this.memory === lastingMemory }
  }

  /** Bytes in use, padding included. */
  get bytes(): number {
    return this.used.reduce((sum, used) => sum + used, 0)
  }

  /** Reserves room for a record. @returns its position; write it through {@link at} at once */
  allocate(bytes: number): Position {
    const size = (bytes + 7) & ~7
    let index = this.chunks.length - 1
    if (index < 0 || this.roomOf(index) < size) index = this.addChunk(size)
    else this.growTo(index, this.used[index]! + size)
    const offset = this.used[index]!
    this.used[index] = offset + size
    // What the record leaves of its last eight bytes is zero: the same records are the same bytes.
    this.floats[index]![(offset + size) / 8 - 1] = 0
    return index * unitsPerChunk + offset / 8
  }

  /** The chunk of a position as words of four bytes; its record begins at {@link wordOf}. */
  wordsOf(position: Position): Uint32Array {
    return this.words[position >>> unitBits]!
  }

  /** The chunk of a position as numbers of eight bytes; its record begins at {@link unitOf}. */
  floatsOf(position: Position): Float64Array {
    return this.floats[position >>> unitBits]!
  }

  /** Place of a position among the words of its chunk. */
  wordOf(position: Position): number {
    return (position & (unitsPerChunk - 1)) * 2
  }

  /** Place of a position among the numbers of its chunk. */
  unitOf(position: Position): number {
    return position & (unitsPerChunk - 1)
  }

  /** The chunk a position is in. */
  chunkOf(position: Position): Buffer {
    return this.chunks[position >>> unitBits]!
  }

  /** The offset of a position in its chunk. */
  offsetOf(position: Position): number {
    return (position & (unitsPerChunk - 1)) * 8
  }

  cut(): ArenaCut {
    return { chunks: [...this.chunks], used: [...this.used] }
  }

  /** Where the next record will stand, or behind the last: what is there now is before it. */
  mark(): ArenaMark {
    const chunk = Math.max(0, this.chunks.length - 1)
    return { chunk, used: this.used[chunk] ?? 0 }
  }

  /**
   * Takes what stands behind a mark over from a later snapshot.
   * @throws RangeError when this arena does not end there
   */
  restoreBehind(mark: ArenaMark, bytes: Uint8Array): void {
    if (mark.chunk === this.chunks.length && mark.used === 0) this.restoreChunk(bytes)
    else {
      const { chunk, used } = this.mark()
      if (mark.chunk !== chunk || mark.used !== used) {
        throw new RangeError('an arena goes on where it did not end')
      }
      this.growTo(chunk, used + bytes.length)
      this.chunks[chunk]!.set(bytes, used)
      this.used[chunk] = used + bytes.length
    }
  }

  /** Takes a chunk over from a snapshot; chunks come in order. */
  restoreChunk(bytes: Uint8Array): void {
    const chunk = this.memory(wholeUnits(Math.max(bytes.length, 8)))
    chunk.set(bytes)
    this.setChunk(this.chunks.length, chunk)
    this.used.push(bytes.length)
  }

  private roomOf(index: number): number {
    return Math.max(chunkBytes, this.chunks[index]!.length) - this.used[index]!
  }

  private addChunk(size: number): number {
    const first = this.chunks.length === 0
    const wanted = size + (first ? unusedBytes : 0)
    const bytes = Math.max(wanted, first ? firstChunkBytes : chunkBytes)
    this.setChunk(this.chunks.length, this.memory(wholeUnits(bytes)))
    this.used.push(first ? unusedBytes : 0)
    return this.chunks.length - 1
  }

  private growTo(index: number, bytes: number): void {
    const chunk = this.chunks[index]!
    if (bytes <= chunk.length) return
    const room = Math.max(bytes, Math.min(chunkBytes, chunk.length * 2))
    const grown = this.memory(wholeUnits(room))
    chunk.copy(grown, 0, 0, this.used[index])
    this.setChunk(index, grown)
  }

  /** @param chunk of a multiple of eight bytes, in memory of its own */
  private setChunk(index: number, chunk: Buffer): void {
    this.chunks[index] = chunk
    this.words[index] = new Uint32Array(chunk.buffer, chunk.byteOffset, chunk.length / 4)
    this.floats[index] = new Float64Array(chunk.buffer, chunk.byteOffset, chunk.length / 8)
  }
}

/** Bytes of whole units that so many fit in. */
function wholeUnits(bytes: number): number {
  return (bytes + 7) & ~7
}
