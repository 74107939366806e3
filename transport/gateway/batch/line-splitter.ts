/**
 * Cuts a stream of bytes into lines, with bounded memory whatever comes.
 *
 * L1. A line longer than the bound is reported once and skipped to its end; the next one is whole.
 * L2. Neighbouring lines are decoded together, and one by one only where bytes are not UTF-8.
 *     Lines of ASCII, as most are, are given as places in that piece: who reads them need not cut them.
 */
import { isAscii, isUtf8 } from 'node:buffer'

/** Receives lines in order, without their line ends. */
export interface LineSink {
  line(text: string): void
  /** A line in the midst of ASCII: its bytes, and the text that is the same characters. */
  lineOf(block: LineBlock, start: number, end: number): void
  /** A line that can't be read, and why. */
  bad(detail: string): void
}

/** Lines that came together, nothing but ASCII: a place is the same in both. */
export interface LineBlock {
  readonly bytes: Buffer
  readonly text: string
}

const newline = 0x0a
const nothing = Buffer.alloc(0)

export class LineSplitter {
  private readonly sink: LineSink
  private readonly lineBytesMax: number
  /** The beginning of a line whose end has not come. */
  private rest: Buffer = nothing
  /** True inside a line that was too long. */
  private skipping = false

  constructor(sink: LineSink, lineBytesMax: number) {
    this.sink = sink
    this.lineBytesMax = lineBytesMax
  }

  push(chunk: Buffer): void {
    let bytes = chunk
    if (this.skipping) {
      const end = bytes.indexOf(newline)
      if (end < 0) return
      this.skipping = false
      bytes = bytes.subarray(end + 1)
    }
    const last = bytes.lastIndexOf(newline)
    if (last < 0) {
      this.keep(this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]))
      return
    }
    const whole = bytes.subarray(0, last)
    const block = this.rest.length === 0 ? whole : Buffer.concat([this.rest, whole])
    this.rest = nothing
    this.cut(block)
    this.keep(bytes.subarray(last + 1))
  }

  /** The stream ended: what is left is the last line. */
  end(): void {
    const { rest } = this
    this.rest = nothing
    if (rest.length > 0) this.cut(rest)
  }

  private keep(rest: Buffer): void {
    if (rest.length <= this.lineBytesMax) {
      this.rest = rest
      return
    }
    this.rest = nothing
    this.skipping = true
    this.tooLong()
  }

  private cut(block: Buffer): void {
    if (isAscii(block)) {
      this.cutAscii({ bytes: block, text: block.toString('latin1') })
      return
    }
    if (!isUtf8(block)) {
      this.cutBytes(block)
      return
    }
    const text = block.toString('utf8')
    let start = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      this.give(text.slice(start, end))
      start = end + 1
    }
    this.give(text.slice(start))
  }

  private cutAscii(block: LineBlock): void {
    const { text } = block
    let start = 0
    while (start <= text.length) {
      const found = text.indexOf('\n', start)
      const end = found < 0 ? text.length : found
      if (end - start > this.lineBytesMax) this.tooLong()
      else this.sink.lineOf(block, start, end)
      start = end + 1
    }
  }

  private give(text: string): void {
    // A character has at most 3 bytes here (4 for two of them), so most lines need no count.
    if (text.length * 3 > this.lineBytesMax && Buffer.byteLength(text) > this.lineBytesMax) {
      this.tooLong()
    } else this.sink.line(text)
  }

  private cutBytes(block: Buffer): void {
    let start = 0
    while (start <= block.length) {
      const found = block.indexOf(newline, start)
      const end = found < 0 ? block.length : found
      const line = block.subarray(start, end)
      if (!isUtf8(line)) this.sink.bad('The line is not UTF-8.')
      else this.give(line.toString('utf8'))
      start = end + 1
    }
  }

  private tooLong(): void {
    this.sink.bad(`The line is longer than ${this.lineBytesMax} bytes.`)
  }
}
