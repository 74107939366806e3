/**
 * Answers to calls that are longer than a message: kept for a moment, and asked for piece by piece.
 *
 * NL4. What is kept is bounded: the oldest goes for the newest, and whoever misses it asks anew.
 */
import { Buffer } from 'node:buffer'

/** Answers kept at once. */
const keptMax = 8

/** Where the rest of an answer is asked for. */
export interface Piece {
  /** Number of the answer it belongs to, among those of its member. */
  readonly of: number
  readonly number: number
  /** Pieces of the whole answer. */
  readonly pieces: number
  readonly bytes: Uint8Array
}

export class LongAnswers {
  private readonly kept = new Map<number, readonly Uint8Array[]>()
  private newest = 0

  /** @returns the first piece */
  keep(bytes: Uint8Array, pieceBytes: number): Piece {
    const pieces: Uint8Array[] = []
    for (let at = 0; at < bytes.length; at += pieceBytes)
      pieces.push(bytes.subarray(at, at + pieceBytes))
    const oldest = this.kept.keys().next()
    if (this.kept.size >= keptMax && oldest.done !== true) this.kept.delete(oldest.value)
    const of = ++this.newest
    this.kept.set(of, pieces)
    return { of, number: 0, pieces: pieces.length, bytes: pieces[0]! }
  }

  /** @returns undefined for what is not kept, or not any more */
  piece(asked: unknown): Piece | undefined {
    if (!Array.isArray(asked)) return undefined
    const [of, number] = asked as unknown[]
    if (typeof of !== 'number' || typeof number !== 'number') return undefined
    const pieces = this.kept.get(of)
    const bytes = pieces?.[number]
    if (pieces === undefined || bytes === undefined) return undefined
    if (number === pieces.length - 1) this.kept.delete(of)
    return { of, number, pieces: pieces.length, bytes }
  }
}

/**
 * An answer whose first piece has come.
 * @param ask for a piece of an answer, both by number
 */
export async function whole(
  first: Piece,
  ask: (of: number, number: number) => Promise<Piece>,
): Promise<Uint8Array> {
  const parts = [first.bytes]
  for (let number = 1; number < first.pieces; number++)
    parts.push((await ask(first.of, number)).bytes)
  return Buffer.concat(parts)
}
