/** Strict JSON and moments, by properties. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isoTime, parseMoment } from './moment.js'
import { readJson, readJsonBytes } from './json-body.js'

describe('strict JSON', () => {
  const whole: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.maxSafeInteger().filter((n) => !Object.is(n, -0)),
      fc.string({ unit: 'grapheme' }),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 }),
    ),
  }))['value']

  it('reads what JSON.parse reads, in any spacing', () => {
    fc.assert(
      fc.property(whole, fc.constantFrom(undefined, 1, '\t'), (value, space) => {
        const text = JSON.stringify(value, null, space)
        expect(readJsonBytes(Buffer.from(text))).toEqual(JSON.parse(text))
      }),
    )
  })

  it('B2: refuses a name that stands twice, at any depth and however it is written', () => {
    fc.assert(
      fc.property(fc.string(), whole, whole, fc.nat(3), (name, one, other, depth) => {
        const escaped = Array.from({ length: name.length }, (_, i) =>
          name.charCodeAt(i).toString(16).padStart(4, '0'),
        )
          .map((code) => `\\u${code}`)
          .join('')
        const inner = `{${JSON.stringify(name)}:${JSON.stringify(one)},"${escaped}":${JSON.stringify(other)}}`
        const text = `${'{"in":['.repeat(depth)}${inner}${']}'.repeat(depth)}`
        expect(() => readJson(text, 'It')).toThrow(/ twice\.$|nested deeper/)
      }),
    )
  })

  it('B3: refuses every number that is not written with digits only', () => {
    for (const literal of ['1.0', '0.5', '-0', '1e3', '1E3', '1e+3', '-1.5e-7', '0e0', '10.00']) {
      for (const text of [literal, `[${literal}]`, `{"a":"1.5","b": ${literal} }`]) {
        expect(() => readJson(text, 'It')).toThrow(`It has the number ${literal};`)
      }
    }
    for (const text of ['10', '-7', '0', '"1.5e3"', '{"e":1}', '{"1.5":true}', '[true,false]']) {
      expect(readJson(text, 'It')).toEqual(JSON.parse(text))
    }
  })

  it('throws nothing but refusals', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.string().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          try {
            readJsonBytes(Buffer.from(bytes))
          } catch (error) {
            expect(error).toMatchObject({ name: 'GatewayRefusal', code: 'invalid_request' })
          }
        },
      ),
    )
  })
})

describe('moments', () => {
  it('M1: writes what Date writes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 4e12 })), (times) => {
        for (const time of times) expect(isoTime(time)).toBe(new Date(time).toISOString())
      }),
    )
  })

  it('reads ISO 8601 as Date does, and ms', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1e9, max: 4e12 }),
        fc.integer({ min: -839, max: 839 }),
        (ms, zone) => {
          expect(parseMoment(String(ms))).toBe(ms)
          expect(parseMoment(new Date(ms).toISOString())).toBe(ms)
          const two = (n: number) => String(Math.floor(Math.abs(n))).padStart(2, '0')
          const offset = `${zone < 0 ? '-' : '+'}${two(zone / 60)}:${two(zone % 60)}`
          const local = new Date(ms + zone * 60_000).toISOString().replace('Z', offset)
          expect(parseMoment(local)).toBe(ms)
          expect(parseMoment(local.replace('+', ' '))).toBe(ms)
        },
      ),
    )
  })

  it.each(['', '0x10', '1e3', '-1', '1.5', '2026-13-01', '2026-02-29', '2026-01-01T00:00', 'now'])(
    '%j is none',
    (text) => {
      expect(parseMoment(text)).toBeUndefined()
    },
  )
})
