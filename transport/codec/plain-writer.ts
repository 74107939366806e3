/**
 * A compact binary form of plain data, for what is written much and kept long: journal frames, packed
 * states, history rows. Field names stand once in a table of shapes, values follow one another.
 *
 *   0x00 undefined   0x01 null   0x02 false   0x03 true   0x04 float64
 *   0x05 integer ≥ 0 (LEB128)    0x06 integer < 0 (LEB128 of its negative)
 *   0x07 string (LEB128 length, UTF-8)        0x08 bytes (LEB128 length)
 *   0x09 array (LEB128 length)   0x0a object (LEB128 shape)   0x0b object (count, values, names)
 *   0x0c string remembered (place among those of this stretch)
 *   0x20…0x3f array of 0…31      0x40…0x7f object of shape 0…63
 *   0x80…0xdf integer 0…95       0xe0…0xff ASCII string of 0…31
 *
 * C3. What is read equals what was written: same types, same order of fields, −0 and NaN included.
 * C4. Shapes are bounded: objects beyond the bound carry their names themselves.
 * C6. A stretch of a row ({@link PlainWriter.stretch}) writes a string once: the names of a few actors and
 *     things come again and again in one turn. Only the first few are remembered, by a rule both sides
 *     follow, and none outside of stretches.
 * What is no plain data is refused (C7, `plain-rules.ts`).
 */
import { assertNothingElse, assertText } from './plain-rules.js'
import { namesOf, shapeRoot, ShapeTable, stepTo, writerAt, type ShapeNode } from './shape-table.js'

const smallIntegers = 96
const shortBytes = 32

/** Bytes any value but a string or bytes needs at most before its own contents. */
const headRoom = 16
/** Strings a stretch remembers, and how long they are at least: shorter ones are as quickly written. */
export const rememberedMax = 8
export const rememberedCharactersMin = 6

/** Fields of a shape: an object with more is a map rather than a record, and carries its names itself. */
const shapeFieldsMax = 256
/** ASCII strings up to this length are written by hand: a native copy costs more than it saves. */
const loopBytesMax = 120

/** Writes plain data into one growing buffer. */
export class PlainWriter {
  private buffer: Buffer
  /** The same memory: stores of numbers through it compile to one instruction. */
  private view: DataView
  private at = 0
  private table = new ShapeTable()
  private readonly remembered = new Array<string>(rememberedMax).fill('')
  /** How many are remembered; −1 outside of stretches. */
  private rememberedCount = -1

  /** @param bytes room to begin with; it grows */
  constructor(bytes = 64 * 1024) {
    this.buffer = Buffer.allocUnsafeSlow(bytes)
    this.view = new DataView(this.buffer.buffer)
  }

  /** Bytes of a value, with the shapes it needs added to the table. The bytes are the caller's own. */
  write(value: unknown, table: ShapeTable): Uint8Array {
    this.begin(table)
    this.value(value)
    return this.take()
  }

  /** Begins a row of values. */
  begin(table: ShapeTable): void {
    this.at = 0
    this.table = table
    this.rememberedCount = -1
  }

  /** Begins a stretch, and ends the one before. The reader begins one at the same place. */
  stretch(): void {
    this.rememberedCount = 0
  }

  endStretch(): void {
    this.rememberedCount = -1
  }

  /** Bytes written since {@link begin}; set back to take values away again. */
  get length(): number {
    return this.at
  }

  set length(bytes: number) {
    this.at = bytes
  }

  /** Writes over four bytes written with {@link u32}. */
  patchU32(at: number, value: number): void {
    this.view.setUint32(at, value, true)
  }

  /** Writes one value into the writer's own memory. @returns its length, for {@link copyTo} */
  measure(value: unknown, table: ShapeTable): number {
    this.begin(table)
    this.value(value)
    return this.at
  }

  /** Copies what was written since {@link begin}. A loop for short rows: it needs no views. */
  copyTo(target: Uint8Array, offset: number): void {
    const { buffer, at } = this
    if (at > 256) {
      buffer.copy(target, offset, 0, at)
      return
    }
    for (let i = 0; i < at; i++) target[offset + i] = buffer[i]!
  }

  /** The bytes of the row. They are the caller's own. */
  take(): Uint8Array {
    return Buffer.from(this.buffer.subarray(0, this.at))
  }

  /** Adds a value to the row. */
  value(value: unknown): void {
    if (this.at + headRoom > this.buffer.length) this.grow(headRoom)
    // A chain of comparisons, not a switch: the compiler turns each into one check of the type.
    if (typeof value === 'number') this.number(value)
    else if (typeof value === 'string') this.string(value)
    else if (typeof value === 'object') this.object(value)
    else if (value === undefined) this.buffer[this.at++] = 0x00
    else if (typeof value === 'boolean') this.buffer[this.at++] = value ? 0x03 : 0x02
    else throw new TypeError(`a ${typeof value} is no plain data`)
  }

  /** Adds a whole number from 0 to 2³² − 1 that both sides know to be one: no tag. */
  u32(value: number): void {
    if (this.at + headRoom > this.buffer.length) this.grow(headRoom)
    this.view.setUint32(this.at, value, true)
    this.at += 4
  }

  private number(value: number): void {
    if ((value | 0) === value && (value !== 0 || 1 / value > 0)) {
      if (value >= 0 && value < smallIntegers) this.buffer[this.at++] = 0x80 + value
      else {
        this.buffer[this.at++] = value < 0 ? 0x06 : 0x05
        this.varint(value < 0 ? -value : value)
      }
      return
    }
    this.buffer[this.at] = 0x04
    this.view.setFloat64(this.at + 1, value, true)
    this.at += 9
  }

  private string(value: string): void {
    const { length } = value
    if (length >= rememberedCharactersMin && this.rememberedCount >= 0 && this.recall(value)) return
    if (length <= loopBytesMax) {
      if (this.at + length + 2 > this.buffer.length) this.grow(length + headRoom)
      const { buffer } = this
      const from = this.at + (length < shortBytes ? 1 : 2)
      let i = 0
      for (; i < length; i++) {
        const code = value.charCodeAt(i)
        if (code > 0x7f) break
        buffer[from + i] = code
      }
      if (i === length) {
        if (length < shortBytes) buffer[this.at] = 0xe0 + length
        else {
          buffer[this.at] = 0x07
          buffer[this.at + 1] = length
        }
        this.at = from + length
        return
      }
    }
    assertText(value)
    const bytes = Buffer.byteLength(value, 'utf8')
    this.grow(bytes + headRoom)
    this.buffer[this.at++] = 0x07
    this.varint(bytes)
    this.at += this.buffer.write(value, this.at, 'utf8')
  }

  /** Writes the place of a remembered string, or remembers a new one. @returns false when it is new */
  private recall(value: string): boolean {
    const { remembered, rememberedCount } = this
    for (let i = 0; i < rememberedCount; i++) {
      const known = remembered[i]!
      if (known.length !== value.length || known !== value) continue
      this.buffer[this.at++] = 0x0c
      this.buffer[this.at++] = i
      return true
    }
    if (rememberedCount < rememberedMax) {
      remembered[rememberedCount] = value
      this.rememberedCount++
    }
    return false
  }

  private object(value: object | null): void {
    if (value === null) this.buffer[this.at++] = 0x01
    else if (Array.isArray(value)) this.array(value)
    else if (value instanceof Uint8Array) this.bytes(value)
    else this.record(value as Record<string, unknown>)
  }

  private array(values: readonly unknown[]): void {
    const { length } = values
    if (length < shortBytes) this.buffer[this.at++] = 0x20 + length
    else {
      this.buffer[this.at++] = 0x09
      this.varint(length)
    }
    for (let i = 0; i < length; i++) this.value(values[i])
  }

  private bytes(value: Uint8Array): void {
    this.grow(value.length + headRoom)
    this.buffer[this.at++] = 0x08
    this.varint(value.length)
    this.buffer.set(value, this.at)
    this.at += value.length
  }

  /** The tag stands in front, and comes last: a shape is numbered behind those of the values in it. */
  private record(value: Record<string, unknown>): void {
    const start = this.at++
    let node: ShapeNode = shapeRoot()
    let fields = 0
    // `in` and not `Object.keys`: no list is made.
    for (const name in value) {
      if (fields++ < shapeFieldsMax)
        node = node.lastName === name ? node.lastNode! : stepTo(node, name)
    }
    if (fields === 0) assertNothingElse(value)
    if (fields > shapeFieldsMax) {
      for (const name in value) this.value(value[name])
    } else writerAt(node, value)(this, value)
    const shape = fields > shapeFieldsMax ? -1 : this.table.numberAt(node, value)
    if (shape >= 0 && shape < 64) this.buffer[start] = 0x40 + shape
    else this.rareRecord(value, start, shape)
  }

  /** A record whose shape needs more than a byte, or that carries its own names behind its values. */
  private rareRecord(value: object, start: number, shape: number): void {
    const names = shape < 0 ? namesOf(value) : []
    const end = this.at
    this.grow(headRoom)
    // Where the tag and number end is known once they are written; the values move behind them.
    const values = Buffer.from(this.buffer.subarray(start + 1, end))
    this.at = start
    this.buffer[this.at++] = shape < 0 ? 0x0b : 0x0a
    this.varint(shape < 0 ? names.length : shape)
    this.buffer.set(values, this.at)
    this.at += values.length
    for (const name of names) this.value(name)
  }

  private varint(value: number): void {
    const { buffer } = this
    let { at } = this
    while (value > 0x7f) {
      buffer[at++] = (value & 0x7f) | 0x80
      value >>>= 7
    }
    buffer[at++] = value
    this.at = at
  }

  /** Makes room for some more bytes. */
  private grow(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.at + bytes))
    this.buffer.copy(grown, 0, 0, this.at)
    this.buffer = grown
    this.view = new DataView(grown.buffer)
  }
}
