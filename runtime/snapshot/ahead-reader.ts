/**
 * Reads a file from its begin to its end through windows, the next one while the one before is used: the disk
 * and the processor both work. What is given out stays valid: a window is never written to again.
 */
import type { DiskFile } from '../env/env.js'

const windowBytes = 1024 * 1024

export class AheadReader {
  private readonly file: DiskFile
  private readonly size: number
  private window: Buffer = Buffer.alloc(0)
  /** Next byte of the window. */
  private at = 0
  /** Where in the file the window after this one begins. */
  private ahead = 0
  private coming: Promise<Uint8Array> | undefined

  constructor(file: DiskFile, size: number) {
    this.file = file
    this.size = size
  }

  /** Goes back or on within the first window. */
  seek(position: number): void {
    this.at = position
  }

  /** The next bytes; fewer at the end of the file. Only what lies in two windows is copied. */
  async next(length: number): Promise<Buffer> {
    const first = this.take(length)
    if (first.length === length) return first
    const parts = [first]
    for (let missing = length - first.length; missing > 0;) {
      const window = await this.read(missing)
      if (window.length === 0) break
      this.window = Buffer.from(window.buffer, window.byteOffset, window.byteLength)
      this.at = 0
      const part = this.take(missing)
      parts.push(part)
      missing -= part.length
    }
    return parts.length === 2 && first.length === 0 ? parts[1]! : Buffer.concat(parts)
  }

  private take(length: number): Buffer {
    const part = this.window.subarray(this.at, this.at + length)
    this.at += part.length
    return part
  }

  /** The window behind this one: at least so many bytes, where there are. */
  private async read(wanted: number): Promise<Uint8Array> {
    const bytes = await (this.coming ?? this.begin(Math.max(wanted, windowBytes)))
    this.coming = undefined
    if (this.ahead < this.size) {
      this.coming = this.begin(windowBytes)
      // Who stops reading before has no use for what became of it.
      this.coming.catch(() => undefined)
    }
    return bytes
  }

  private begin(bytes: number): Promise<Uint8Array> {
    const from = this.ahead
    const length = Math.min(bytes, this.size - from)
    this.ahead = from + length
    return length <= 0 ? Promise.resolve(new Uint8Array(0)) : this.file.read(from, length)
  }

  /** Resolves when nothing is being read any more: before, the file must not be closed. */
  async end(): Promise<void> {
    await this.coming?.catch(() => undefined)
  }
}
