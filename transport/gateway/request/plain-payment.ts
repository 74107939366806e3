/**
 * Reads the usual payment in one pass over its bytes: a flat object of the four fields every payment has
 * and, in a batch, its key. JSON, its strict reading and the schema would each go over the same
 * characters again.
 *
 * R1. What is read here is what `readJson` gives and the schema lets through. Anything else, be it other
 *     fields, escapes or what is wrong, is not read: the long way takes it, or says what is wrong with it.
 */
import { isCurrency, type Pay } from '../../../actors/index.js'
import { gatewayLimits as limits } from '../limits.js'

const carriageReturn = 0x0d
const quote = 0x22
const comma = 0x2c
const slash = 0x2f
const space = 0x20
const zero = 0x30
const nine = 0x39
const colon = 0x3a
const openBrace = 0x7b
const closeBrace = 0x7d
const backslash = 0x5c

/** Digits of the amounts that are read here: all numbers of so many are exact. */
const digitsMax = 15

/** Characters of ids by code. */
const idCharacters = new Uint8Array(256)
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@-') {
  idCharacters[character.charCodeAt(0)] = 1
}

const names = {
  payer: Buffer.from('"payer"'),
  payee: Buffer.from('"payee"'),
  amount: Buffer.from('"amount"'),
  currency: Buffer.from('"currency"'),
  idempotencyKey: Buffer.from('"idempotencyKey"'),
}

/** Where a payment stands. */
export interface PaymentPlace {
  /** What is looked at: a look at a byte is cheaper than at a character. */
  readonly bytes: Buffer
  /** What fields are cut from: each byte as the character of its number, at the same place. */
  readonly text: string
}

/** Reads one payment after the other; an empty field is one that has not come yet. */
export class PlainPaymentReader {
  private bytes: Buffer = Buffer.alloc(0)
  private text = ''
  private at = 0
  private payer = ''
  private payee = ''
  private amount = 0
  private currency = ''
  private key = ''
  /** There are few currencies, and most texts name the one before. */
  private currencyKept = ''

  /**
   * @param start where the object begins
   * @param end where it must end, but for blanks
   * @param key of a payment whose text must have none
   */
  read({ bytes, text }: PaymentPlace, start: number, end: number, key = ''): Pay | undefined {
    this.bytes = bytes
    this.text = text
    this.at = start
    this.payer = ''
    this.payee = ''
    this.amount = 0
    this.currency = ''
    this.key = key
    let before = openBrace
    do {
      if (!this.skip(before) || !this.field()) return undefined
      before = comma
    } while (this.peek() !== closeBrace)
    this.at++
    // Lines of a batch may end as those of a network protocol do.
    if (this.peek() === carriageReturn) this.at++
    this.peek()
    if (this.at !== end) return undefined
    const { payer, payee, amount, currency, key: idempotencyKey } = this
    if (payer === '' || payee === '' || amount === 0) return undefined
    if (currency === '' || idempotencyKey === '') return undefined
    return { payer, payee, amount, currency, idempotencyKey }
  }

  /** Reads a field that has not come yet. @returns false when it is anything else */
  private field(): boolean {
    if (this.peek() !== quote) return false
    if (this.skipName(names.payer)) return this.payer === '' && (this.payer = this.party()) !== ''
    if (this.skipName(names.payee)) return this.payee === '' && (this.payee = this.party()) !== ''
    if (this.skipName(names.amount)) return this.amount === 0 && (this.amount = this.whole()) !== 0
    if (this.skipName(names.currency)) {
      return this.currency === '' && (this.currency = this.currencyCode()) !== ''
    }
    if (this.skipName(names.idempotencyKey)) {
      return this.key === '' && (this.key = this.printable()) !== ''
    }
    return false
  }

  /** The next byte that is no blank, undefined where there is none; the place moves up to it. */
  private peek(): number | undefined {
    const { bytes } = this
    while (bytes[this.at] === space) this.at++
    return bytes[this.at]
  }

  private skip(code: number): boolean {
    if (this.peek() !== code) return false
    this.at++
    return true
  }

  /** Passes over a name, the colon after it and blanks. */
  private skipName(name: Buffer): boolean {
    const { bytes, at } = this
    const { length } = name
    for (let i = 1; i < length; i++) {
      if (bytes[at + i] !== name[i]) return false
    }
    this.at = at + length
    if (!this.skip(colon)) return false
    this.peek()
    return true
  }

  /** An id, or an address of an account or a merchant; '' when it is none. */
  private party(): string {
    const { bytes } = this
    if (bytes[this.at] !== quote) return ''
    const start = this.at + 1
    let idStart = start
    let i = start
    // Beyond the bytes there is 0, which is in no id.
    for (let byte = bytes[i] ?? 0; byte !== quote; byte = bytes[++i] ?? 0) {
      if (byte === slash && idStart === start && this.isKind(start, i)) idStart = i + 1
      else if (idCharacters[byte] !== 1) return ''
    }
    if (i === idStart || i - idStart > limits.idCharactersMax) return ''
    this.at = i + 1
    return this.text.slice(start, i)
  }

  private isKind(start: number, end: number): boolean {
    const length = end - start
    if (length === 7) return this.text.startsWith('account', start)
    return length === 8 && this.text.startsWith('merchant', start)
  }

  /** A whole number above zero; 0 when it is none. */
  private whole(): number {
    const { bytes } = this
    const start = this.at
    if (bytes[start] === zero) return 0
    let i = start
    let value = 0
    for (let byte = bytes[i] ?? 0; byte >= zero && byte <= nine; byte = bytes[++i] ?? 0) {
      value = value * 10 + (byte - zero)
    }
    if (i - start > digitsMax) return 0
    this.at = i
    return value
  }

  private currencyCode(): string {
    const { bytes, text, at, currencyKept } = this
    if (bytes[at] !== quote || bytes[at + 4] !== quote) return ''
    this.at = at + 5
    if (currencyKept !== '' && text.startsWith(currencyKept, at + 1)) return currencyKept
    const code = text.slice(at + 1, at + 4)
    if (!isCurrency(code)) return ''
    this.currencyKept = code
    return code
  }

  /** Printable ASCII without escapes, as a key is; '' when it is anything else. */
  private printable(): string {
    const { bytes } = this
    if (bytes[this.at] !== quote) return ''
    const start = this.at + 1
    let i = start
    for (let byte = bytes[i] ?? 0; byte !== quote; byte = bytes[++i] ?? 0) {
      if (byte < space || byte > 0x7e || byte === backslash) return ''
    }
    if (i - start > limits.idempotencyKeyCharactersMax) return ''
    this.at = i + 1
    return this.text.slice(start, i)
  }
}
