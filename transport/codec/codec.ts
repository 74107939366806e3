/**
 * msgpackr behind our own options: the only place that knows the library. Plain data in, bytes out.
 *
 * C1. What one `pack` writes, `unpack` reads alone: record definitions are inlined once per call, so
 *     batches stay small without state shared between the two sides.
 * C2. Integers come back as numbers, never as BigInt.
 */
import { Packr } from 'msgpackr'

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

/**
 * A codec whose record shapes are kept between calls, for many small values of few shapes that are
 * stored apart. `shapes` grows as new shapes are met and must be kept with the bytes.
 */
export class ShapedCodec {
  readonly shapes: string[][]
  private readonly packr: Packr

  constructor(shapes: readonly (readonly string[])[] = []) {
    this.shapes = shapes.map((shape) => [...shape])
    this.packr = new Packr({
      useRecords: true,
      moreTypes: false,
      int64AsType: 'number',
      structures: this.shapes,
      maxSharedStructures: 8160,
    })
  }

  pack(value: unknown): Uint8Array {
    return this.packr.pack(value)
  }

  unpack(bytes: Uint8Array): unknown {
    return this.packr.unpack(bytes)
  }
}
