/**
 * msgpackr behind our own options: the only place that knows the library. Plain data in, bytes out.
 *
 * C1. What one `pack` writes, `unpack` reads alone: record definitions are inlined once per call, so
 *     batches stay small without state shared between the two sides.
 * C2. Integers come back as numbers, never as BigInt.
 */
import { Packr } from 'msgpackr'

const packr = new Packr({ useRecords: true, moreTypes: false, int64AsType: 'number' })

/**
 * Packs plain data. The result is a view that stays valid; copy it before transferring its buffer.
 */
export function pack(value: unknown): Uint8Array {
  return packr.pack(value)
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
