/**
 * msgpackr behind our own options: the only place that knows the library. Plain data in, bytes out.
 *
 * C1. What one `pack` writes, `unpack` reads alone: record definitions are inlined once per call, so
 *     batches stay small without state shared between the two sides.
 * C2. Integers come back as numbers, never as BigInt.
 */
import { Packr } from 'msgpackr'
import { PlainReader } from './plain-reader.js'
import { PlainWriter } from './plain-writer.js'
import { ShapeTable } from './shape-table.js'

const options = { useRecords: true, moreTypes: false, int64AsType: 'number' } as const
const unpackr = new Packr(options)

/** Where values are packed before they are copied out at their size: large batches never regrow it. */
const arena = Buffer.allocUnsafeSlow(4 * 1024 * 1024)

/**
 * Packs plain data. The bytes are the caller's own; small ones may share a pooled buffer. A packer of its
 * own for each call: one that remembers numbers its records by what it packed before, and the same data
 * would give other bytes.
 */
export function pack(value: unknown): Uint8Array {
  return Buffer.from(packInto(arena, value))
}

/** As {@link pack}, into memory of the caller's as far as it has room: valid until that is used again. */
export function packInto(memory: Buffer, value: unknown): Uint8Array {
  const packr = new Packr(options)
  packr.useBuffer(memory)
  return packr.pack(value)
}

/** Unpacks what {@link pack} wrote. @throws when the bytes are not whole */
export function unpack(bytes: Uint8Array): unknown {
  return unpackr.unpack(bytes)
}

const writer = new PlainWriter()

const checker = new PlainWriter()
const checkedShapes = new ShapeTable()

/** @throws TypeError when a value is no plain data, and so can't be written or sent */
export function assertPlain(value: unknown): void {
  if (typeof value === 'object' || typeof value === 'string') {
    checker.measure(value, checkedShapes)
  }
  if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint') {
    throw new TypeError(`a ${typeof value} is no plain data`)
  }
}

/**
 * Gathers the values of one journal frame or batch as they come, so that nothing is built first and
 * packed later. What it makes is read alone: values, then some facts about them and their shapes.
 */
export class RowWriter {
  private readonly writer = new PlainWriter(4 * 1024)
  /** Of the shapes in this row alone: a row of a few values must not carry the names of all others. */
  private readonly table = new ShapeTable()

  constructor() {
    this.begin()
  }

  /** True when nothing was added since the last {@link take}. */
  get empty(): boolean {
    return this.writer.length === lengthBytes
  }

  /** Adds a value. */
  value(value: unknown): void {
    this.writer.value(value)
  }

  /** Adds a whole number from 0 to 2³² − 1 that the reader knows to be one. */
  u32(value: number): void {
    this.writer.u32(value)
  }

  /** Begins a stretch in which strings that come again are short; the reader begins one there too. */
  stretch(): void {
    this.writer.stretch()
  }

  /** Where the next value will stand: {@link backTo} takes what follows away again. */
  mark(): number {
    return this.writer.length
  }

  backTo(mark: number): void {
    this.writer.length = mark
  }

  /** Writes over the number at a mark. */
  patchU32(mark: number, value: number): void {
    this.writer.patchU32(mark, value)
  }

  /** The bytes of all values since the last call, with plain facts about them: no objects. */
  take(facts: unknown): Uint8Array {
    const { writer } = this
    writer.patchU32(0, writer.length - lengthBytes)
    writer.endStretch()
    writer.value(facts)
    writer.value(this.table.shapes)
    const bytes = writer.take()
    this.begin()
    return bytes
  }

  private begin(): void {
    this.table.clear()
    this.writer.begin(this.table)
    this.writer.u32(0)
  }
}

const lengthBytes = 4

/** Opens what {@link RowWriter} made. @throws RangeError when it is not whole */
export function openRow(bytes: Uint8Array): {
  readonly facts: unknown
  readonly values: PlainReader
  /** Where the values end. */
  readonly end: number
} {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.length < lengthBytes) throw new RangeError('packed data ends too early')
  const end = lengthBytes + view.readUInt32LE(0)
  const tail = new PlainReader(view, [])
  tail.position = end
  const facts = tail.value()
  const values = new PlainReader(view, tail.value() as string[][])
  values.position = lengthBytes
  return { facts, values, end }
}

/**
 * A codec whose shapes are kept between calls, for many small values that are stored apart. `shapes`
 * grows as new ones are met and must be kept with the bytes.
 */
export class ShapedCodec {
  private readonly table: ShapeTable
  private reader: PlainReader | undefined

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
    // One for all values: it knows the makers of their shapes.
    const reader = (this.reader ??= new PlainReader(bytes, this.table.shapes))
    return reader.open(bytes, 0, bytes.length).value()
  }
}
