/**
 * How the records of an idempotency table lie in memory: in chunks of columns, and as plain data on their way
 * into a snapshot or to another thread.
 */

/** Words of a request's hashes: four of the key, three of its meaning. */
export const hashWords = 7

/** Records of a chunk. */
export const chunkRecords = 1_024

/** Records one after the other, in columns. */
export interface Chunk extends ChunkColumns {
  /** Answers kept as bytes, by number. They leave with the chunk: what is dumped never changes. */
  readonly answers: Map<number, Uint8Array>
}

interface ChunkColumns {
  readonly words: Int32Array
  readonly seconds: Uint32Array
  readonly notes: Float64Array
  readonly kinds: Uint8Array
}

/** A table on its way to another thread; all but the answers is memory to be transferred. */
export interface MovedKeys {
  readonly chunks: readonly (ChunkColumns & {
    readonly answers: readonly (readonly [number, Uint8Array])[]
  })[]
  readonly index: readonly Uint32Array[]
  readonly counts: Uint32Array
  readonly firstChunk: number
  readonly first: number
  readonly next: number
}

/** Some records of a chunk, from number `first` on. */
export interface KeyPiece {
  readonly first: number
  readonly count: number
  readonly chunk: Chunk
}

/** Dumps the records of pieces, each of one chunk. */
export function* dumpPieces(pieces: readonly KeyPiece[]): Generator<KeyChunkDump> {
  for (const { first, count, chunk } of pieces) {
    const low = first % chunkRecords
    const high = low + count
    const kept: [number, Uint8Array][] = []
    for (const [number, answer] of chunk.answers) {
      if (number >= first && number < first + count) kept.push([number, answer])
    }
    // No copies: rows are never written twice.
    yield {
      first,
      words: bytesOf(chunk.words.subarray(low * hashWords, high * hashWords)),
      seconds: bytesOf(chunk.seconds.subarray(low, high)),
      notes: bytesOf(chunk.notes.subarray(low, high)),
      kinds: chunk.kinds.subarray(low, high),
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

function bytesOf(array: Int32Array | Uint32Array | Float64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}
