/**
 * The history log: rows of all actors of a shard in one arena, chained per actor, newest first.
 *
 * H1. Rows follow from events alone, in order, so a replay builds the same log byte for byte.
 * H2. Any row is found in O(log n) steps, so that the counters as of a past moment of a busy merchant
 *     never stall the shard: every sixteenth row is an anchor, which the rows after it point to, and
 *     anchors point to older anchors (skew-binary jump pointers, Myers, "An applicative random-access
 *     stack", 1983). An ordinary row is added without a look at any older one.
 */
import { Arena, type Position } from './arena.js'
import { ShapedCodec } from '../../transport/index.js'
import type { HistoryRow } from '../actor/turn.js'

// Record: previous u32 | jump u32 | time f64 | number u32 | length u32 | row
const headerBytes = 24
/** Rows from one anchor to the next. */
const anchorRows = 16

/** Where the history of one actor stands. */
export interface HistoryHead {
  /** Its newest row; 0 when there is none. */
  history: Position
  /** Number of its newest row; −1 until it is asked for, when the actor was loaded. */
  rows: number
  /** Its newest anchor, once `rows` is known. */
  anchor: Position
}

export class HistoryLog {
  readonly arena: Arena
  readonly codec: ShapedCodec

  /** @param arena with the rows so far, packed in the same shapes */
  constructor(shapes: readonly (readonly string[])[] = [], arena = new Arena()) {
    this.arena = arena
    this.codec = new ShapedCodec(shapes)
  }

  /** Adds a row before the others of its actor. */
  append(head: HistoryHead, time: number, row: unknown): void {
    if (head.rows < 0) this.openHead(head)
    const number = head.rows + 1
    const anchored = number % anchorRows === 1
    const jump = anchored ? this.jumpFor(head.anchor, (number - 1) / anchorRows + 1) : head.anchor
    const length = this.codec.measure(row)
    const position = this.arena.allocate(headerBytes + length)
    const words = this.arena.wordsOf(position)
    const word = this.arena.wordOf(position)
    words[word] = head.history
    words[word + 1] = jump
    words[word + 4] = number
    words[word + 5] = length
    this.arena.floatsOf(position)[this.arena.unitOf(position) + 1] = time
    this.codec.copyTo(this.arena.chunkOf(position), this.arena.offsetOf(position) + headerBytes)
    head.history = position
    head.rows = number
    if (anchored) head.anchor = position
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
      const jump = this.field(position, 1)
      position = jump !== 0 && !fits(jump) ? jump : this.field(position, 0)
    }
    return position
  }

  /** Finds out about an actor that was loaded. */
  private openHead(head: HistoryHead): void {
    const { history } = head
    head.rows = history === 0 ? 0 : this.numberAt(history)
    if (history === 0) head.anchor = 0
    else head.anchor = head.rows % anchorRows === 1 ? history : this.field(history, 1)
  }

  /**
   * Where anchor `number` jumps to: the anchor before it, or as far as two equal jumps of those before
   * it. Which of the two follows from the number alone, so that old rows are seldom read.
   */
  private jumpFor(previous: Position, number: number): Position {
    if (number < 3 || lastSkewDigit(number - 1) === 1) return previous
    return this.field(this.field(previous, 1), 1)
  }

  private rowAt(position: Position): HistoryRow {
    const chunk = this.arena.chunkOf(position)
    const from = this.arena.offsetOf(position) + headerBytes
    return {
      number: this.numberAt(position),
      time: this.timeAt(position),
      row: this.codec.unpack(chunk.subarray(from, from + this.field(position, 5))),
    }
  }

  /** One of the words of a row's header. */
  private field(position: Position, word: number): number {
    return this.arena.wordsOf(position)[this.arena.wordOf(position) + word]!
  }

  private numberAt(position: Position): number {
    return this.field(position, 4)
  }

  private timeAt(position: Position): number {
    return this.arena.floatsOf(position)[this.arena.unitOf(position) + 1]!
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
