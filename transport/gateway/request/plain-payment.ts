/**
 * Reads the usual payment in one pass over its text: a flat object of the four fields every payment has
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
const idCharacters = new Uint8Array(128)
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@-') {
  idCharacters[character.charCodeAt(0)] = 1
}

/** Reads one text after the other; an empty field is one that has not come yet. */
export class PlainPaymentReader {
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
   * @param from where the object begins; it ends with the text
   * @param key of a payment whose text must have none
   */
  read(text: string, from: number, key = ''): Pay | undefined {
    this.text = text
    this.at = from
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
    // Beyond the text there is no character.
    if (!Number.isNaN(this.peek())) return undefined
    const { payer, payee, amount, currency, key: idempotencyKey } = this
    if (payer === '' || payee === '' || amount === 0) return undefined
    if (currency === '' || idempotencyKey === '') return undefined
    return { payer, payee, amount, currency, idempotencyKey }
  }

  /** Reads a field that has not come yet. @returns false when it is anything else */
  private field(): boolean {
    if (this.peek() !== quote) return false
    if (this.skipName('"payer"')) return this.payer === '' && (this.payer = this.party()) !== ''
    if (this.skipName('"payee"')) return this.payee === '' && (this.payee = this.party()) !== ''
    if (this.skipName('"amount"')) return this.amount === 0 && (this.amount = this.whole()) !== 0
    if (this.skipName('"currency"')) {
      return this.currency === '' && (this.currency = this.currencyCode()) !== ''
    }
    if (this.skipName('"idempotencyKey"')) {
      return this.key === '' && (this.key = this.printable()) !== ''
    }
    return false
  }

  /** The next character that is no blank; the place moves up to it. */
  private peek(): number {
    const { text } = this
    let code = text.charCodeAt(this.at)
    while (code === space) code = text.charCodeAt(++this.at)
    return code
  }

  private skip(code: number): boolean {
    if (this.peek() !== code) return false
    this.at++
    return true
  }

  /** Passes over a name, the colon after it and blanks. */
  private skipName(name: string): boolean {
    const { text, at } = this
    const { length } = name
    for (let i = 1; i < length; i++) {
      if (text.charCodeAt(at + i) !== name.charCodeAt(i)) return false
    }
    this.at = at + length
    if (!this.skip(colon)) return false
    this.peek()
    return true
  }

  /** An id, or an address of an account or a merchant; '' when it is none. */
  private party(): string {
    const { text } = this
    if (text.charCodeAt(this.at) !== quote) return ''
    const start = this.at + 1
    let idStart = start
    let i = start
    for (let code = text.charCodeAt(i); code !== quote; code = text.charCodeAt(++i)) {
      if (code === slash && idStart === start && this.isKind(start, i)) idStart = i + 1
      else if (!(code < 128) || idCharacters[code] === 0) return ''
    }
    if (i === idStart || i - idStart > limits.idCharactersMax) return ''
    this.at = i + 1
    return text.slice(start, i)
  }

  private isKind(start: number, end: number): boolean {
    const length = end - start
    if (length === 7) return this.text.startsWith('account', start)
    return length === 8 && this.text.startsWith('merchant', start)
  }

  /** A whole number above zero; 0 when it is none. */
  private whole(): number {
    const { text } = this
    const start = this.at
    let i = start
    let value = 0
    for (let code = text.charCodeAt(i); code >= zero && code <= nine; code = text.charCodeAt(++i)) {
      value = value * 10 + (code - zero)
    }
    if (text.charCodeAt(start) === zero || i - start > digitsMax) return 0
    this.at = i
    return value
  }

  private currencyCode(): string {
    const { text, at, currencyKept } = this
    if (text.charCodeAt(at) !== quote || text.charCodeAt(at + 4) !== quote) return ''
    this.at = at + 5
    if (currencyKept !== '' && text.startsWith(currencyKept, at + 1)) return currencyKept
    const code = text.slice(at + 1, at + 4)
    if (!isCurrency(code)) return ''
    this.currencyKept = code
    return code
  }

  /** Printable ASCII without escapes, as a key is; '' when it is anything else. */
  private printable(): string {
    const { text } = this
    if (text.charCodeAt(this.at) !== quote) return ''
    const start = this.at + 1
    let i = start
    for (let code = text.charCodeAt(i); code !== quote; code = text.charCodeAt(++i)) {
      if (!(code >= space && code <= 0x7e) || code === backslash) return ''
    }
    if (i - start > limits.idempotencyKeyCharactersMax) return ''
    this.at = i + 1
    return text.slice(start, i)
  }
}
