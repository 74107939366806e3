/** R1: what is read in one pass is what the long way reads, and nothing that it refuses. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { batchLine, payBody } from '../schemas/requests.js'
import { validatorOf } from '../schemas/validation.js'
import { readJson } from './json-body.js'
import { PlainPaymentReader } from './plain-payment.js'

const reader = new PlainPaymentReader()

function readPlain(text: string, key?: string): unknown {
  const bytes = Buffer.from(text)
  return reader.read({ bytes, text: bytes.toString('latin1') }, 0, bytes.length, key)
}

const [isLine, isBody] = [batchLine, payBody].map((schema) => validatorOf(schema))

/** The long way; undefined for what it refuses. */
function readLong(text: string, key?: string): unknown {
  try {
    const value = readJson(text, 'The line') as object
    const valid = key === undefined ? isLine!(value) : isBody!(value)
    return valid ? { ...value, ...(key === undefined ? {} : { idempotencyKey: key }) } : undefined
  } catch {
    return undefined
  }
}

const payment = {
  payer: 'alice',
  payee: 'merchant/shop',
  amount: 35,
  currency: 'CNY',
  idempotencyKey: 'k 1',
}
const plain = JSON.stringify(payment)
const with_ = (fields: object): string => JSON.stringify({ ...payment, ...fields })

describe('a plain payment', () => {
  it.each([
    plain,
    `${plain} \r`,
    `  ${plain.replaceAll(':', ' : ').replaceAll(',', ' , ')} `,
    JSON.stringify(Object.fromEntries(Object.entries(payment).reverse())),
    with_({ payer: 'merchant/a', payee: 'account/b' }),
    with_({ payer: 'a'.repeat(128), payee: `account/${'b'.repeat(128)}` }),
    with_({ amount: 999_999_999_999_999, currency: 'EUR' }),
    with_({ idempotencyKey: 'k'.repeat(255) }),
    with_({ payer: 'shop', payee: 'merchant/shop' }),
  ])('is read: %s', (text) => {
    const read = readPlain(text)
    expect(read).toEqual(readLong(text))
    expect(read).toBeDefined()
    const bytes = Buffer.from(`head${text}\n${text}`)
    const place = { bytes, text: bytes.toString('latin1') }
    expect(reader.read(place, 4, 4 + text.length)).toEqual(read)
    expect(reader.read(place, 4, 3 + text.length)).toBeUndefined()
    expect(reader.read(place, 4, 5 + text.length)).toBeUndefined()
  })

  it('has its key where it belongs: in the text, or beside it', () => {
    const { idempotencyKey: _, ...body } = payment
    const text = JSON.stringify(body)
    expect(readPlain(text, 'k')).toEqual({ ...body, idempotencyKey: 'k' })
    expect(readPlain(text)).toBeUndefined()
    expect(readPlain(plain, 'k')).toBeUndefined()
  })

  it.each([
    '',
    '{}',
    '{',
    ' ',
    plain.slice(0, -1),
    `${plain}}`,
    `${plain},`,
    `[${plain}]`,
    plain.replace('{', '{,'),
    plain.replace('}', ',}'),
    plain.replace('"amount":35', '"amount":35,"amount":35'),
    plain.replace('"payer":"alice"', '"payer":"alice","payer":"alice"'),
    plain.replace('35', '35.0'),
    plain.replace('35', '035'),
    plain.replace('35', '-35'),
    plain.replace('35', '35e1'),
    plain.replace('35', '3 5'),
    plain.replace('35', '"35"'),
    plain.replace('"alice"', 'alice'),
    plain.replace('alice', '\\u0061lice'),
    plain.replace('payer', 'payEr'),
    plain.replace('payer":', 'payer"'),
    with_({ amount: 0 }),
    with_({ amount: 2 ** 60 }),
    with_({ payer: '' }),
    with_({ payer: 'account/' }),
    with_({ payer: 'payment/a' }),
    with_({ payer: 'account/a/b' }),
    with_({ payer: '/a' }),
    with_({ payer: 'a'.repeat(129) }),
    with_({ payer: 'é' }),
    with_({ currency: 'cny' }),
    with_({ currency: 'XXXX' }),
    with_({ currency: '' }),
    with_({ idempotencyKey: '' }),
    with_({ idempotencyKey: 'k'.repeat(256) }),
    with_({ idempotencyKey: '"' }),
    with_({ idempotencyKey: '\t' }),
    with_({ memo: 'm' }),
  ])('is not this: %s', (text) => {
    expect(readPlain(text)).toBeUndefined()
  })

  it('is what the long way reads, whatever is done to its characters', () => {
    const pieces = [
      '"',
      ',',
      ':',
      '{',
      '}',
      ' ',
      '\\',
      '/',
      '0',
      '35',
      'EUR',
      '"amount":1',
      '\r',
      'é',
    ]
    const mutation = fc.record({
      at: fc.nat(plain.length),
      put: fc.oneof(fc.constantFrom(...pieces, ''), fc.string({ maxLength: 3 })),
      remove: fc.nat(3),
    })
    fc.assert(
      fc.property(fc.array(mutation, { maxLength: 3 }), fc.boolean(), (mutations, keyed) => {
        let text = plain
        for (const { at, put, remove } of mutations) {
          text = text.slice(0, at) + put + text.slice(at + remove)
        }
        const read = readPlain(text, keyed ? 'k' : undefined)
        if (read !== undefined) expect(read).toEqual(readLong(text, keyed ? 'k' : undefined))
      }),
      { numRuns: 20_000 },
    )
  })
})
