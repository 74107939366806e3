/**
 * msgpackr behind our own options: the only place that knows the library. Plain data in, bytes out.
 *
 * C1. What one `pack` writes, `unpack` reads alone: record definitions are inlined once per call, so
 *     batches stay small without state shared between the two sides.
 * C2. Integers come back as numbers, never as BigInt.
 */
import { Packr } from 'msgpackr'
import { PlainWriter, readPlain, ShapeTable } from './plain-codec.js'

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

/** Packs one value with the table of its own shapes: what is read alone, such as a journal frame. */
export function packFrame(value: unknown): Uint8Array {
  const table = new ShapeTable()
  const body = writer.write(value, table)
  const shapes = pack(table.shapes)
  const bytes = Buffer.allocUnsafe(4 + body.length + shapes.length)
  bytes.writeUInt32LE(body.length, 0)
  bytes.set(body, 4)
  bytes.set(shapes, 4 + body.length)
  return bytes
}

/** Reads what {@link packFrame} wrote. @throws RangeError */
export function unpackFrame(bytes: Uint8Array): unknown {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const end = 4 + view.readUInt32LE(0)
  return readPlain(view.subarray(4, end), unpack(view.subarray(end)) as string[][])
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

  pack(value: unknown): Uint8Array {
    return writer.write(value, this.table)
  }

  unpack(bytes: Uint8Array): unknown {
    return readPlain(bytes, this.table.shapes)
  }
}
