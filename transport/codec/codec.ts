/**
 * msgpackr behind our own options: the only place that knows the library. Plain data in, bytes out.
 *
 * C1. What one `pack` writes, `unpack` reads alone: record definitions are inlined once per call, so
 *     batches stay small without state shared between the two sides.
 * C2. Integers come back as numbers, never as BigInt.
 */
import { Packr } from 'msgpackr'
import { PlainReader, PlainWriter, readPlain, ShapeTable } from './plain-codec.js'

const packr = new Packr({ useRecords: true, moreTypes: false, int64AsType: 'number' })

/** Where values are packed before they are copied out at their size: large batches never regrow it. */
const arena = Buffer.allocUnsafeSlow(4 * 1024 * 1024)

/** Packs plain data. The bytes are the caller's own; small ones may share a pooled buffer. */
export function pack(value: unknown): Uint8Array {
  packr.useBuffer(arena)
  return Buffer.from(packr.pack(value))
}

/** Unpacks what {@link pack} wrote. @throws when the bytes are not whole */
export function unpack(bytes: Uint8Array): unknown {
  return packr.unpack(bytes)
}

const writer = new PlainWriter()

/**
 * Gathers the values of one journal frame as they come, so that nothing is built first and packed
 * later. What it makes is read alone: values, then their shapes and some facts about the frame.
 */
export class RowWriter {
  private readonly writer = new PlainWriter(4 * 1024)
  private table = new ShapeTable()
  private begun = false

  /** Adds a value. */
  value(value: unknown): void {
    if (!this.begun) {
      this.begun = true
      this.table = new ShapeTable()
      this.writer.begin(this.table)
    }
    this.writer.value(value)
  }

  /** The bytes of all values since the last call, with plain facts about them. */
  take(facts: unknown): Uint8Array {
    this.begun = false
    const values = this.writer.take()
    const tail = pack([facts, this.table.shapes])
    const bytes = Buffer.allocUnsafe(4 + values.length + tail.length)
    bytes.writeUInt32LE(values.length, 0)
    bytes.set(values, 4)
    bytes.set(tail, 4 + values.length)
    return bytes
  }
}

/** Opens what {@link RowWriter} made. @throws RangeError when it is not whole */
export function openRow(bytes: Uint8Array): {
  readonly facts: unknown
  readonly values: PlainReader
} {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const end = 4 + view.readUInt32LE(0)
  const [facts, shapes] = unpack(view.subarray(end)) as [unknown, string[][]]
  return { facts, values: new PlainReader(view.subarray(4, end), shapes) }
}

/**
 * A codec whose shapes are kept between calls, for many small values that are stored apart. `shapes`
 * grows as new ones are met and must be kept with the bytes.
 */
export class ShapedCodec {
  private readonly table: ShapeTable

  constructor(shapes: readonly (readonly string[])[] = []) {
    this.table = new ShapeTable(shapes)
  }

  get shapes(): readonly (readonly string[])[] {
    return this.table.shapes
  }

  /** Packs a value aside. @returns its length; {@link copyTo} puts it where it belongs, at once */
  measure(value: unknown): number {
    return writer.measure(value, this.table)
  }

  /** Copies what was measured last. */
  copyTo(target: Uint8Array, offset: number): void {
    writer.copyTo(target, offset)
  }

  unpack(bytes: Uint8Array): unknown {
    return readPlain(bytes, this.table.shapes)
  }
}
