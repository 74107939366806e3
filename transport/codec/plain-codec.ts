/**
 * A compact binary form of plain data, for what is written much and kept long: journal frames, packed
 * states, history rows. Field names stand once in a table of shapes, values follow one another.
 *
 *   0x00 undefined   0x01 null   0x02 false   0x03 true   0x04 float64
 *   0x05 integer ≥ 0 (LEB128)    0x06 integer < 0 (LEB128 of its negative)
 *   0x07 string (LEB128 length, UTF-8)        0x08 bytes (LEB128 length)
 *   0x09 array (LEB128 length)   0x0a object (LEB128 shape)   0x0b object (count, values, names)
 *   0x20…0x3f array of 0…31      0x40…0x7f object of shape 0…63
 *   0x80…0xdf integer 0…95       0xe0…0xff ASCII string of 0…31
 *
 * C3. What is read equals what was written: same types, same order of fields, −0 and NaN included.
 * C4. Shapes are bounded: objects beyond the bound carry their names themselves.
 */

const shapesMax = 512
/** Names in the tree of all shapes; beyond it objects carry their names themselves. */
const nodesMax = 8_192
const smallIntegers = 96
const shortBytes = 32

/** One place in the tree of field names: objects with the same names in the same order end here. */
class ShapeNode {
  /** Names that may come next, and where they lead. Seldom more than one or two. */
  readonly names: string[] = []
  readonly nodes: ShapeNode[] = []
  /** The step taken last, tried first: objects of one call site look the same. */
  lastName = ''
  lastNode: ShapeNode | undefined = undefined
  /** Number of the shape that ends here, valid in one generation of its table. */
  shape = -1
  generation = -1
}

/** The shapes of objects met so far, by number. Kept beside the bytes. */
export class ShapeTable {
  shapes: string[][] = []
  root = new ShapeNode()
  private nodes = 0
  private generation = 0

  constructor(shapes: readonly (readonly string[])[] = []) {
    for (const shape of shapes) {
      let node = this.root
      for (const name of shape) node = this.step(node, name)!
      this.number(node, [...shape])
    }
  }

  /** Begins a new list of shapes. What is known of names stays, so that it is found again quickly. */
  clear(): void {
    this.shapes = []
    this.generation++
    if (this.nodes < nodesMax) return
    this.root = new ShapeNode()
    this.nodes = 0
  }

  /** One name further down the tree; undefined when there is no room for a new one. */
  step(from: ShapeNode, name: string): ShapeNode | undefined {
    const at = from.names.indexOf(name)
    let node = from.nodes[at]
    if (node === undefined) {
      if (this.nodes >= nodesMax) return undefined
      node = new ShapeNode()
      this.nodes++
      from.names.push(name)
      from.nodes.push(node)
    }
    from.lastName = name
    from.lastNode = node
    return node
  }

  /** @returns the number of the shape that ends at a node, −1 when there is no room for it */
  numberAt(node: ShapeNode, value: object): number {
    if (node.generation === this.generation) return node.shape
    return this.shapes.length < shapesMax ? this.number(node, Object.keys(value)) : -1
  }

  private number(node: ShapeNode, names: string[]): number {
    node.generation = this.generation
    node.shape = this.shapes.length
    this.shapes.push(names)
    return node.shape
  }
}

/** Bytes any value but a string or bytes needs at most before its own contents. */
const headRoom = 16
/** ASCII strings up to this length are written by hand: a native copy costs more than it saves. */
const loopBytesMax = 120

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

  /** Bytes written since {@link begin}; set back to take values away again. */
  get length(): number {
    return this.at
  }

  set length(bytes: number) {
    this.at = bytes
  }

  /** Writes over four bytes written with {@link u32}. */
  patchU32(at: number, value: number): void {
    this.buffer.writeUInt32LE(value, at)
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
    const { buffer, at } = this
    buffer[at] = value
    buffer[at + 1] = value >>> 8
    buffer[at + 2] = value >>> 16
    buffer[at + 3] = value >>> 24
    this.at = at + 4
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
    this.buffer[this.at++] = 0x04
    floatCell[0] = value
    const { buffer, at } = this
    for (let i = 0; i < 8; i++) buffer[at + i] = floatBytes[i]!
    this.at = at + 8
  }

  private string(value: string): void {
    const { length } = value
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
    const bytes = Buffer.byteLength(value, 'utf8')
    this.grow(bytes + headRoom)
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
    this.grow(value.length + headRoom)
    this.buffer[this.at++] = 0x08
    this.varint(value.length)
    this.buffer.set(value, this.at)
    this.at += value.length
  }

  /** The shape is known when the last name is: its tag is put in front afterwards. */
  private record(value: Record<string, unknown>): void {
    const start = this.at++
    const { table } = this
    let node: ShapeNode | undefined = table.root
    // `in` and not `Object.keys`: no list is made, and the fields are loaded by place, not by name.
    for (const name in value) {
      if (node !== undefined) {
        node = node.lastName === name ? node.lastNode : table.step(node, name)
      }
      this.value(value[name])
    }
    const shape = node === undefined ? -1 : table.numberAt(node, value)
    if (shape >= 0 && shape < 64) this.buffer[start] = 0x40 + shape
    else this.rareRecord(value, start, shape)
  }

  /** A record whose shape needs more than a byte, or that carries its own names behind its values. */
  private rareRecord(value: object, start: number, shape: number): void {
    const names = shape < 0 ? Object.keys(value) : []
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
  }
}

/** A number seen as bytes: plain stores beat a call. Little-endian, as all machines Node runs on. */
const floatCell = new Float64Array(1)
const floatBytes = new Uint8Array(floatCell.buffer)

/** Reads what {@link PlainWriter} wrote. @throws RangeError when the bytes are not whole */
export function readPlain(bytes: Uint8Array, shapes: readonly (readonly string[])[]): unknown {
  return new PlainReader(bytes, shapes).value()
}

/** Short strings read lately, by hash: a bounded memo of a pure function. */
const knownStrings = 16_384
const knownTexts = new Array<string>(knownStrings).fill('')

/** Makes an object of one shape from the values that come next. */
type RecordMaker = (reader: PlainReader) => Record<string, unknown>

/** Makers by shape, for all readers: frames bring the same shapes again and again. */
const makers = new Map<string, RecordMaker>()
const makersMax = 2_048

/**
 * The maker of a shape. It is compiled, as msgpackr and JSON schema validators do it: a literal makes
 * an object of a fixed layout in one step where adding field after field takes one each. Names are
 * quoted and computed, so that any string is a field and nothing but a field.
 */
function makerOf(names: readonly string[]): RecordMaker {
  const shape = JSON.stringify(names)
  let maker = makers.get(shape)
  if (maker !== undefined) return maker
  const fields = names.map((name) =>
    name === '__proto__' ? `["__proto__"]: r.value()` : `${JSON.stringify(name)}: r.value()`,
  )
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- see above
  maker = new Function('r', `return { ${fields.join(', ')} }`) as RecordMaker
  if (makers.size >= makersMax) makers.clear()
  makers.set(shape, maker)
  return maker
}

/** Reads a row of values, one by one. */
export class PlainReader {
  private buffer: Buffer
  private readonly shapes: readonly (readonly string[])[]
  private readonly makers: (RecordMaker | undefined)[] = []
  private at = 0
  private end: number

  constructor(bytes: Uint8Array, shapes: readonly (readonly string[])[]) {
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.shapes = shapes
    this.end = bytes.length
  }

  /** Reads on in other memory. */
  open(buffer: Buffer, from: number, to: number): this {
    this.buffer = buffer
    this.at = from
    this.end = to
    return this
  }

  /** Place of the next value. */
  get position(): number {
    return this.at
  }

  set position(at: number) {
    this.at = at
  }

  /** The next value. @throws RangeError when the bytes are not whole */
  value(): unknown {
    const tag = this.byte()
    if (tag >= 0xe0) return this.ascii(tag - 0xe0)
    if (tag >= 0x80) return tag - 0x80
    if (tag >= 0x40) return this.record(tag - 0x40)
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
        return this.float()
      case 0x05:
        return this.varint()
      case 0x06:
        return -this.varint()
      case 0x07:
        return this.text(this.varint())
      case 0x08:
        return new Uint8Array(this.slice(this.varint()))
      case 0x09:
        return this.array(this.varint())
      case 0x0a:
        return this.record(this.varint())
      case 0x0b:
        return this.named(this.varint())
      default:
        throw new RangeError(`unknown tag ${tag} in packed data`)
    }
  }

  /** What {@link PlainWriter.u32} wrote. */
  u32(): number {
    this.need(4)
    const { buffer, at } = this
    this.at = at + 4
    return (
      (buffer[at]! | (buffer[at + 1]! << 8) | (buffer[at + 2]! << 16) | (buffer[at + 3]! << 24)) >>>
      0
    )
  }

  private array(length: number): unknown[] {
    const values: unknown[] = []
    for (let i = 0; i < length; i++) values.push(this.value())
    return values
  }

  private record(shape: number): Record<string, unknown> {
    let maker = this.makers[shape]
    if (maker === undefined) {
      const names = this.shapes[shape]
      if (names === undefined) throw new RangeError('an unknown shape in packed data')
      maker = makerOf(names)
      this.makers[shape] = maker
    }
    return maker(this)
  }

  private named(count: number): Record<string, unknown> {
    const values = this.array(count)
    const entries: [string, unknown][] = []
    for (const value of values) entries.push([this.value() as string, value])
    return Object.fromEntries(entries)
  }

  private float(): number {
    this.need(8)
    const { buffer, at } = this
    for (let i = 0; i < 8; i++) floatBytes[i] = buffer[at + i]!
    this.at = at + 8
    return floatCell[0]!
  }

  private text(length: number): string {
    this.need(length)
    return this.buffer.toString('utf8', this.at, (this.at += length))
  }

  /** Short strings come again and again: names, currencies, addresses. Most are known already. */
  private ascii(length: number): string {
    this.need(length)
    const { buffer, at } = this
    this.at = at + length
    let hash = length
    for (let i = at; i < at + length; i++) hash = Math.imul(hash ^ buffer[i]!, 0x01000193)
    const slot = (hash ^ (hash >>> 15)) & (knownStrings - 1)
    const known = knownTexts[slot]!
    if (known.length === length) {
      let i = 0
      while (i < length && known.charCodeAt(i) === buffer[at + i]) i++
      if (i === length) return known
    }
    return (knownTexts[slot] = buffer.toString('latin1', at, at + length))
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
    if (this.at + bytes > this.end) throw new RangeError('packed data ends too early')
  }
}
