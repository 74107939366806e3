/** Reads the compact form of plain data that `plain-writer.ts` describes. */
import { rememberedCharactersMin, rememberedMax } from './plain-writer.js'

/** Short strings read lately, by hash: a bounded memo of a pure function. */
const knownStrings = 1_024
const knownCharactersMax = 12
const knownTexts = new Array<string>(knownStrings).fill('')

/** Makes a string of ASCII characters. */
type TextMaker = (bytes: Uint8Array, at: number) => string
const textMakers: TextMaker[] = []

/** A short ASCII string, made without a call into native code, which costs more than the string. */
function shortText(bytes: Uint8Array, at: number, length: number): string {
  let maker = textMakers[length]
  if (maker === undefined) {
    const codes = Array.from({ length }, (_, i) => `b[at + ${i}]`)
    // eslint-disable-next-line @typescript-eslint/no-implied-eval -- only numbers go into it
    maker = new Function('b', 'at', `return String.fromCharCode(${codes.join(', ')})`) as TextMaker
    textMakers[length] = maker
  }
  return maker(bytes, at)
}

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
  /** The same memory: loads of numbers through it compile to one instruction. */
  private view: DataView
  private readonly shapes: readonly (readonly string[])[]
  private readonly makers: (RecordMaker | undefined)[] = []
  private at = 0
  private end: number
  private readonly remembered: string[] = []
  /** How many strings of this stretch are remembered; −1 outside of stretches. */
  private rememberedCount = -1

  constructor(bytes: Uint8Array, shapes: readonly (readonly string[])[]) {
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.shapes = shapes
    this.end = bytes.length
  }

  /** Reads on in other memory. */
  open(bytes: Uint8Array, from: number, to: number): this {
    this.buffer = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.at = from
    this.end = to
    return this
  }

  /** Begins a stretch where the writer began one. */
  stretch(): void {
    this.rememberedCount = 0
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
    if (tag >= 0xe0) return this.remember(this.ascii(tag - 0xe0))
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
        return this.remember(this.text(this.varint()))
      case 0x08:
        return new Uint8Array(this.slice(this.varint()))
      case 0x09:
        return this.array(this.varint())
      case 0x0a:
        return this.record(this.varint())
      case 0x0b:
        return this.named(this.varint())
      case 0x0c:
        return this.recalled(this.byte())
      default:
        throw new RangeError(`unknown tag ${tag} in packed data`)
    }
  }

  /** A number written without a tag. */
  u32(): number {
    this.need(4)
    const { at } = this
    this.at = at + 4
    return this.view.getUint32(at, true)
  }

  private remember(text: string): string {
    const { rememberedCount } = this
    if (rememberedCount < 0 || text.length < rememberedCharactersMin) return text
    if (rememberedCount < rememberedMax) {
      this.remembered[rememberedCount] = text
      this.rememberedCount++
    }
    return text
  }

  private recalled(place: number): string {
    if (place >= this.rememberedCount) throw new RangeError('an unknown string in packed data')
    return this.remembered[place]!
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
    const { at } = this
    this.at = at + 8
    return this.view.getFloat64(at, true)
  }

  private text(length: number): string {
    this.need(length)
    return this.buffer.toString('utf8', this.at, (this.at += length))
  }

  /**
   * Names of fields and commands, currencies and the like are known already. Longer strings are seldom
   * the same twice: to look for them costs more than to make them.
   */
  private ascii(length: number): string {
    this.need(length)
    const { buffer, at } = this
    this.at = at + length
    if (length > knownCharactersMax) return shortText(buffer, at, length)
    let hash = length
    for (let i = at; i < at + length; i++) hash = Math.imul(hash ^ buffer[i]!, 0x01000193)
    const slot = (hash ^ (hash >>> 15)) & (knownStrings - 1)
    const known = knownTexts[slot]!
    if (known.length === length) {
      let i = 0
      while (i < length && known.charCodeAt(i) === buffer[at + i]) i++
      if (i === length) return known
    }
    return (knownTexts[slot] = shortText(buffer, at, length))
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
