/**
 * Reads a segment through a window, so that neither many small reads nor whole files in memory are
 * needed. Views stay valid: a window is never written to again.
 */
import type { Disk, DiskFile } from '../../env/env.js'
import { damage, openIfThere } from './damage.js'
import { segmentName, segmentPath, type SegmentName } from './names.js'
import { readSegmentHeader, segmentHeaderBytes, type SegmentHeader } from './segment.js'

const windowBytes = 1024 * 1024
const zeros = Buffer.alloc(windowBytes)

export class SegmentReader {
  readonly path: string
  readonly header: SegmentHeader
  private readonly file: DiskFile
  private window: Buffer
  private windowAt = 0

  private constructor(path: string, header: SegmentHeader, file: DiskFile, window: Buffer) {
    this.path = path
    this.header = header
    this.file = file
    this.window = window
  }

  /**
   * Opens a segment and checks that it is the one its name says, in its full size.
   * @throws OpenRefused damaged, newer_format
   */
  static async open(disk: Disk, dataDir: string, name: SegmentName): Promise<SegmentReader> {
    const reader = await SegmentReader.openIfThere(disk, dataDir, name)
    if (reader !== undefined) return reader
    throw damage(segmentPath(dataDir, name), 0, `the segment ${segmentName(name)} is missing`)
  }

  /** The same; undefined when it is not there, or not any more. */
  static async openIfThere(
    disk: Disk,
    dataDir: string,
    name: SegmentName,
  ): Promise<SegmentReader | undefined> {
    const path = segmentPath(dataDir, name)
    const file = await openIfThere(disk, path)
    if (file === undefined) return undefined
    try {
      const size = await file.size()
      const window = await readBytes(file, 0, Math.min(size, windowBytes))
      const header = readSegmentHeader(window.subarray(0, segmentHeaderBytes), path)
      if (header === undefined) throw damage(path, 0, 'a bad segment header')
      const { epoch, lane, index } = header
      if (epoch !== name.epoch || lane !== name.lane || index !== name.index) {
        throw damage(path, 0, `the header of ${segmentName(header)}`)
      }
      if (size !== header.size) {
        const what = `a segment of ${size} bytes that was made with ${header.size}`
        throw damage(path, Math.min(size, header.size), what)
      }
      return new SegmentReader(path, header, file, window)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** Bytes at an offset; fewer at the end of the segment. */
  async view(at: number, length: number): Promise<Buffer> {
    const end = Math.min(at + length, this.header.size)
    if (at < this.windowAt || end > this.windowAt + this.window.length) {
      const wanted = Math.max(end - at, Math.min(windowBytes, this.header.size - at))
      this.window = await readBytes(this.file, at, wanted)
      this.windowAt = at
    }
    return this.window.subarray(at - this.windowAt, end - this.windowAt)
  }

  /** True when nothing but zeros stands from an offset to the end. */
  async isZeroFrom(from: number): Promise<boolean> {
    for (let at = from; at < this.header.size; at += windowBytes) {
      const piece = await this.view(at, Math.min(windowBytes, this.header.size - at))
      if (piece.compare(zeros, 0, piece.length) !== 0) return false
    }
    return true
  }

  close(): Promise<void> {
    return this.file.close()
  }
}

async function readBytes(file: DiskFile, at: number, length: number): Promise<Buffer> {
  const bytes = await file.read(at, length)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
