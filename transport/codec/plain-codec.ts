/**
 * A compact binary form of plain data, for what is written much and kept long: journal frames, packed
 * states, history rows. Field names stand once in a table of shapes, values follow one another.
 *
 *   0x00 undefined   0x01 null   0x02 false   0x03 true   0x04 float64
 *   0x05 integer ≥ 0 (LEB128)    0x06 integer < 0 (LEB128 of its negative)
 *   0x07 string (LEB128 length, UTF-8)        0x08 bytes (LEB128 length)
 *   0x09 array (LEB128 length)   0x0a object (LEB128 shape)   0x0b object (count, name, value, …)
 *   0x20…0x3f array of 0…31      0x40…0x7f object of shape 0…63
 *   0x80…0xdf integer 0…95       0xe0…0xff ASCII string of 0…31
 *
 * C3. What is read equals what was written: same types, same order of fields, −0 and NaN included.
 * C4. Shapes are bounded: objects beyond the bound carry their names themselves.
 */

const shapesMax = 512
const smallIntegers = 96
const shortBytes = 32

/** The shapes of objects met so far, by number. Kept beside the bytes. */
export class ShapeTable {
  readonly shapes: string[][]
  /** Numbers of shapes by count of fields. */
  private readonly byCount: number[][] = []

  constructor(shapes: readonly (readonly string[])[] = []) {
    this.shapes = []
    for (const shape of shapes) this.add([...shape])
  }

  /** @returns the number of a shape, −1 when there is no room for it */
  numberOf(names: string[]): number {
    const candidates = this.byCount[names.length]
    if (candidates !== undefined) {
      for (const number of candidates) if (sameNames(this.shapes[number]!, names)) return number
    }
    return this.shapes.length < shapesMax ? this.add(names) : -1
  }

  private add(names: string[]): number {
    const number = this.shapes.length
    this.shapes.push(names)
    ;(this.byCount[names.length] ??= []).push(number)
    return number
  }
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Writes plain data into one growing buffer. */
export class PlainWriter {
  private buffer: Buffer
  private at = 0
  private table = new ShapeTable()

  /** @param bytes room to begin with; it grows */
  constructor(bytes = 64 * 1024) {
    this.buffer = Buffer.allocUnsafeSlow(bytes)
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
  }

  /** Writes one value into the writer's own memory. @returns its length, for {@link copyTo} */
  measure(value: unknown, table: ShapeTable): number {
    this.begin(table)
    this.value(value)
    return this.at
  }

  /** Copies what was measured. A loop: for short rows it beats the views a native copy needs. */
  copyTo(target: Uint8Array, offset: number): void {
    const { buffer, at } = this
    if (at > 256) {
      target.set(buffer.subarray(0, at), offset)
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
    if (this.at + 16 > this.buffer.length) this.grow(16)
    switch (typeof value) {
      case 'string':
        this.string(value)
        return
      case 'number':
        this.number(value)
        return
      case 'object':
        this.object(value)
        return
      case 'boolean':
        this.buffer[this.at++] = value ? 0x03 : 0x02
        return
      case 'undefined':
        this.buffer[this.at++] = 0x00
        return
      default:
        throw new TypeError(`a ${typeof value} is no plain data`)
    }
  }

  private number(value: number): void {
    if ((value | 0) === value && !Object.is(value, -0)) {
      if (value >= 0 && value < smallIntegers) this.buffer[this.at++] = 0x80 + value
      else {
        this.buffer[this.at++] = value < 0 ? 0x06 : 0x05
        this.varint(Math.abs(value))
      }
      return
    }
    this.buffer[this.at++] = 0x04
    this.at = this.buffer.writeDoubleLE(value, this.at)
  }

  private string(value: string): void {
    const { length } = value
    if (length < shortBytes) {
      if (this.at + length >= this.buffer.length) this.grow(length + 1)
      const { buffer, at } = this
      let i = 0
      for (; i < length; i++) {
        const code = value.charCodeAt(i)
        if (code > 0x7f) break
        buffer[at + 1 + i] = code
      }
      if (i === length) {
        buffer[at] = 0xe0 + length
        this.at = at + 1 + length
        return
      }
    }
    const bytes = Buffer.byteLength(value, 'utf8')
    this.grow(bytes + 16)
    this.buffer[this.at++] = 0x07
    this.varint(bytes)
    this.at += this.buffer.write(value, this.at, 'utf8')
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
    this.grow(value.length + 16)
    this.buffer[this.at++] = 0x08
    this.varint(value.length)
    this.buffer.set(value, this.at)
    this.at += value.length
  }

  private record(value: Record<string, unknown>): void {
    const names = Object.keys(value)
    const shape = this.table.numberOf(names)
    if (shape >= 0 && shape < 64) this.buffer[this.at++] = 0x40 + shape
    else if (shape >= 0) {
      this.buffer[this.at++] = 0x0a
      this.varint(shape)
    } else {
      this.buffer[this.at++] = 0x0b
      this.varint(names.length)
    }
    for (let i = 0; i < names.length; i++) {
      if (shape < 0) {
        this.grow(16)
        this.string(names[i]!)
      }
      this.value(value[names[i]!])
    }
  }

  private varint(value: number): void {
    while (value > 0x7f) {
      this.buffer[this.at++] = (value % 128) + 128
      value = Math.floor(value / 128)
    }
    this.buffer[this.at++] = value
  }

  /** Makes room for some more bytes. */
  private grow(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.at + bytes))
    this.buffer.copy(grown, 0, 0, this.at)
    this.buffer = grown
  }
}

/** Reads what {@link PlainWriter} wrote. @throws RangeError when the bytes are not whole */
export function readPlain(bytes: Uint8Array, shapes: readonly (readonly string[])[]): unknown {
  return new PlainReader(bytes, shapes).value()
}

/** Reads a row of values, one by one. */
export class PlainReader {
  private readonly buffer: Buffer
  private readonly shapes: readonly (readonly string[])[]
  private at = 0

  constructor(bytes: Uint8Array, shapes: readonly (readonly string[])[]) {
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.shapes = shapes
  }

  /** The next value. @throws RangeError when the bytes are not whole */
  value(): unknown {
    const tag = this.byte()
    if (tag >= 0xe0) return this.ascii(tag - 0xe0)
    if (tag >= 0x80) return tag - 0x80
    if (tag >= 0x40) return this.record(this.shapes[tag - 0x40])
    if (tag >= 0x20) return this.array(tag - 0x20)
    switch (tag) {
      case 0x00:
        return undefined
      case 0x01:
        return null
      case 0x02:
        return false
      case 0x03:
        return true
      case 0x04:
        this.need(8)
        return this.buffer.readDoubleLE((this.at += 8) - 8)
      case 0x05:
        return this.varint()
      case 0x06:
        return -this.varint()
      case 0x07:
        return this.slice(this.varint()).toString('utf8')
      case 0x08:
        return new Uint8Array(this.slice(this.varint()))
      case 0x09:
        return this.array(this.varint())
      case 0x0a:
        return this.record(this.shapes[this.varint()])
      case 0x0b:
        return this.named(this.varint())
      default:
        throw new RangeError(`unknown tag ${tag} in packed data`)
    }
  }

  private array(length: number): unknown[] {
    const values: unknown[] = []
    for (let i = 0; i < length; i++) values.push(this.value())
    return values
  }

  private record(names: readonly string[] | undefined): Record<string, unknown> {
    if (names === undefined) throw new RangeError('an unknown shape in packed data')
    const record: Record<string, unknown> = {}
    for (let i = 0; i < names.length; i++) record[names[i]!] = this.value()
    return record
  }

  private named(count: number): Record<string, unknown> {
    const record: Record<string, unknown> = {}
    for (let i = 0; i < count; i++) {
      const name = this.value() as string
      record[name] = this.value()
    }
    return record
  }

  private ascii(length: number): string {
    this.need(length)
    return this.buffer.toString('latin1', this.at, (this.at += length))
  }

  private slice(length: number): Buffer {
    this.need(length)
    return this.buffer.subarray(this.at, (this.at += length))
  }

  private byte(): number {
    this.need(1)
    return this.buffer[this.at++]!
  }

  private varint(): number {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 128
    }
  }

  private need(bytes: number): void {
    if (this.at + bytes > this.buffer.length) throw new RangeError('packed data ends too early')
  }
}
