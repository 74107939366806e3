/**
 * The history log: rows of all actors of a shard in one arena, chained per actor, newest first.
 *
 * H1. Rows follow from events alone, in order, so a replay builds the same log byte for byte.
 * H2. Any row is found in O(log n) steps: each row has a second pointer that jumps back (skew-binary
 *     jump pointers, Myers, "An applicative random-access stack", 1983), so that the counters as of a
 *     past moment of a busy merchant never stall the shard.
 */
import { Arena, type Position } from './arena.js'
import { ShapedCodec } from '../../transport/index.js'
import type { HistoryRow } from '../actor/turn.js'

// Record: previous u32 | jump u32 | number f64 | time f64 | length u32 | row
const headerBytes = 28

export class HistoryLog {
  readonly arena = new Arena()
  readonly codec: ShapedCodec

  constructor(shapes: readonly (readonly string[])[] = []) {
    this.codec = new ShapedCodec(shapes)
  }

  /**
   * Adds a row before the others of its actor.
   * @param head the actor's newest row so far, 0 when it has none
   * @param number the row's own: one more than the newest one's, 1 for the first
   * @returns the new head
   */
  append(head: Position, number: number, time: number, row: unknown): Position {
    const length = this.codec.measure(row)
    const position = this.arena.allocate(headerBytes + length)
    const chunk = this.arena.chunkOf(position)
    const at = this.arena.offsetOf(position)
    chunk.writeUInt32LE(head, at)
    chunk.writeUInt32LE(this.jumpFor(head, number), at + 4)
    chunk.writeDoubleLE(number, at + 8)
    chunk.writeDoubleLE(time, at + 16)
    chunk.writeUInt32LE(length, at + 24)
    this.codec.copyTo(chunk, at + headerBytes)
    return position
  }

  /** Up to `limit` rows from the newest one with a number below `before`. */
  read(head: Position, limit: number, before = Infinity): HistoryRow[] {
    const rows: HistoryRow[] = []
    let position = this.seek(head, (at) => this.numberAt(at) < before)
    while (position !== 0 && rows.length < limit) {
      rows.push(this.rowAt(position))
      position = this.field(position, 0)
    }
    return rows
  }

  /** The newest row at or before a time. */
  at(head: Position, time: number): HistoryRow | undefined {
    const position = this.seek(head, (at) => this.timeAt(at) <= time)
    return position === 0 ? undefined : this.rowAt(position)
  }

  /** Newest row that fits; `fits` is false for a newest stretch and true for all older ones. */
  private seek(head: Position, fits: (position: Position) => boolean): Position {
    let position = head
    while (position !== 0 && !fits(position)) {
      const jump = this.field(position, 4)
      position = jump !== 0 && !fits(jump) ? jump : this.field(position, 0)
    }
    return position
  }

  /** Number of an actor's newest row; 0 when it has none. */
  rowsOf(head: Position): number {
    return head === 0 ? 0 : this.numberAt(head)
  }

  /**
   * Where row `number` jumps to: the row before it, or as far as two equal jumps of those before it.
   * Which of the two follows from the number alone, so that old rows are seldom read.
   */
  private jumpFor(previous: Position, number: number): Position {
    if (number < 3 || lastSkewDigit(number - 1) === 1) return previous
    return this.field(this.field(previous, 4), 4)
  }

  private rowAt(position: Position): HistoryRow {
    const chunk = this.arena.chunkOf(position)
    const at = this.arena.offsetOf(position)
    const from = at + headerBytes
    return {
      number: chunk.readDoubleLE(at + 8),
      time: chunk.readDoubleLE(at + 16),
      row: this.codec.unpack(chunk.subarray(from, from + chunk.readUInt32LE(at + 24))),
    }
  }

  private field(position: Position, offset: number): Position {
    return this.arena.chunkOf(position).readUInt32LE(this.arena.offsetOf(position) + offset)
  }

  private numberAt(position: Position): number {
    return this.arena.chunkOf(position).readDoubleLE(this.arena.offsetOf(position) + 8)
  }

  private timeAt(position: Position): number {
    return this.arena.chunkOf(position).readDoubleLE(this.arena.offsetOf(position) + 16)
  }
}

/** The last of the terms 2^i − 1 that make up a number, taken greedily (skew binary). */
function lastSkewDigit(number: number): number {
  let rest = number
  for (;;) {
    const term = (1 << (31 - Math.clz32(rest + 1))) - 1
    if (term === rest) return term
    rest -= term
  }
}
