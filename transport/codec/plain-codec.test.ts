import assert from 'node:assert'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openRow, RowWriter } from './codec.js'
import { assertPlainBeside } from './plain-check.js'
import { PlainReader } from './plain-reader.js'
import { PlainWriter } from './plain-writer.js'
import { ShapeTable } from './shape-table.js'

const writer = new PlainWriter()

function readPlain(bytes: Uint8Array, shapes: readonly (readonly string[])[]): unknown {
  return new PlainReader(bytes, shapes).value()
}

/** Plain data as actors use it: no functions, no `__proto__`. */
const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.string({ unit: 'binary', maxLength: 50 }),
    fc.string({ maxLength: 40 }),
    fc.double(),
    fc.maxSafeInteger(),
    fc.integer(),
    fc.boolean(),
    fc.constantFrom(null, undefined),
    fc.uint8Array({ maxLength: 80 }),
    fc.array(tie('value'), { maxLength: 40 }),
    fc.dictionary(
      fc.string({ maxLength: 40 }).filter((name) => name !== '__proto__'),
      tie('value'),
      { maxKeys: 12, noNullPrototype: true },
    ),
  ),
})).value

describe('the plain codec', () => {
  it('C3: reads back what was written', () => {
    fc.assert(
      fc.property(fc.array(plain, { maxLength: 20 }), (values) => {
        const table = new ShapeTable()
        const written = values.map((value) => writer.write(value, table))
        const reread = new ShapeTable(table.shapes)
        written.forEach((bytes, i) =>
          expect(readPlain(bytes, reread.shapes)).toStrictEqual(values[i]),
        )
      }),
      { numRuns: 300 },
    )
  })

  it('C3: refuses bytes that are cut short', () => {
    const table = new ShapeTable()
    const bytes = writer.write(
      { id: 'p1-1', amount: 3500, memo: '早餐', parts: [1, -2, 3e12] },
      table,
    )
    for (let length = 0; length < bytes.length; length++) {
      expect(() => readPlain(bytes.subarray(0, length), table.shapes)).toThrow(RangeError)
    }
  })

  it('C4: bounds the table however many shapes there are', () => {
    const table = new ShapeTable()
    for (let i = 0; i < 2_000; i++) {
      const value = { [`name-${i}`]: i, common: true }
      expect(readPlain(writer.write(value, table), table.shapes)).toStrictEqual(value)
    }
    expect(table.shapes.length).toBeLessThanOrEqual(512)
  })

  it('C4: writes a deep value of rare shapes once, not once for each level', () => {
    const table = new ShapeTable()
    for (let i = 0; i < 600; i++) writer.write({ [`filler-${i}`]: 0 }, table)
    let deep: unknown = 'bottom'
    for (let level = 0; level < 200; level++) deep = { [`rare-${level % 7}-${level}`]: deep, level }
    expect(readPlain(writer.write(deep, table), table.shapes)).toStrictEqual(deep)
  })

  it('C3: a field may have any name, and no name does anything but name', () => {
    const table = new ShapeTable()
    for (const name of [
      'constructor',
      'prototype',
      'toString',
      '"',
      "'); throw 1; ('",
      '\u2028',
      '',
    ]) {
      const value = Object.defineProperty({}, name, {
        value: { polluted: true },
        enumerable: true,
        writable: true,
        configurable: true,
      })
      const read = readPlain(writer.write(value, table), table.shapes) as object
      expect(Object.keys(read)).toEqual([name])
      expect(Object.getPrototypeOf(read)).toBe(Object.prototype)
    }
  })

  it('C3: writes inherited fields like own ones, whatever shape came first', () => {
    for (const first of [{ own: 1 }, { own: 1, inherited: 2 }]) {
      const table = new ShapeTable()
      writer.write(first, table)
      const value: object = Object.assign(Object.create({ inherited: [7] }) as object, { own: 1 })
      const row = writer.write([value, 'behind it'], table)
      expect(readPlain(row, table.shapes)).toStrictEqual([{ own: 1, inherited: [7] }, 'behind it'])
    }
  })

  it.each([
    ['a date', new Date(0)],
    ['a map', new Map([[1, 2]])],
    ['a set', new Set([1])],
    ['a promise', Promise.resolve(1)],
    ['an error', new Error('lost')],
    ['a pattern', /x/],
    ['half a surrogate pair', 'x\ud800y'],
    ['half a surrogate pair as a name', { 'x\ud800y': 1 }],
    ['a field that no object can be given', JSON.parse('{"__proto__":1}')],
    ['a proxy that throws', new Proxy({}, { get: () => assert.fail('a trap') })],
  ])('C7: refuses %s, alone or inside', (_, value: unknown) => {
    const table = new ShapeTable()
    for (const wrapped of [value, [value], { field: value }]) {
      expect(() => writer.write(wrapped, table)).toThrow()
      expect(() => assertPlainBeside(wrapped, undefined)).toThrow()
      expect(() => assertPlainBeside(wrapped, { field: {} })).toThrow()
    }
    expect(readPlain(writer.write({ field: {} }, table), table.shapes)).toStrictEqual({ field: {} })
  })

  it('C8: lets pass what can be written, whatever passed before', () => {
    fc.assert(
      fc.property(plain, plain, (value, passed) => {
        assertPlainBeside(value, passed)
        assertPlainBeside({ value }, { value: passed })
      }),
      { numRuns: 300 },
    )
  })

  it('C8: looks at nothing again that passed in the same place', () => {
    let looks = 0
    const counted = new Proxy<Record<string, number>>(
      { coins: 1 },
      {
        get: (target, name) => {
          looks++
          return target[String(name)]
        },
      },
    )
    const passed = { list: [counted], field: { counted } }
    assertPlainBeside(passed, undefined)
    const first = looks
    expect(first).toBeGreaterThan(0)
    assertPlainBeside({ list: [...passed.list, 2], field: { ...passed.field, more: 1 } }, passed)
    expect(looks).toBe(first)
    assertPlainBeside({ elsewhere: counted }, passed)
    expect(looks).toBeGreaterThan(first)
  })

  it('C8: what an object of a class has beside its fields has not passed', () => {
    const date = new Date(0)
    class Dated {
      readonly coins = 1
      get date(): Date {
        return date
      }
    }
    const dated = new Dated()
    assertPlainBeside(dated, undefined)
    expect(() => assertPlainBeside({ date }, dated)).toThrow('a Date is no plain data')
  })

  it('C8: refuses what is too deep to be written, or is in itself', () => {
    const circle: Record<string, unknown> = {}
    circle['circle'] = circle
    expect(() => assertPlainBeside(circle, undefined)).toThrow('nested so deep')
    let deep: unknown = 'bottom'
    for (let level = 0; level < 1_000; level++) deep = [deep]
    assertPlainBeside(deep, undefined)
    expect(() => writer.write(deep, new ShapeTable())).not.toThrow()
    expect(() => assertPlainBeside({ deep }, undefined)).toThrow('nested so deep')
  })

  it('C6: writes what comes again in a stretch once, and reads the same back', () => {
    const texts = fc.array(
      fc.constantFrom('account/anna', 'merchant/starbucks', '星巴克咖啡店', 'EUR'),
    )
    const stretches = fc.array(fc.array(fc.oneof(plain, texts), { maxLength: 12 }), {
      maxLength: 6,
    })
    fc.assert(
      fc.property(stretches, (rows) => {
        const row = new RowWriter()
        for (const values of rows) {
          row.stretch()
          for (const value of values) row.value(value)
        }
        const { values: reader } = openRow(row.take(['account/anna']))
        for (const values of rows) {
          reader.stretch()
          for (const value of values) expect(reader.value()).toStrictEqual(value)
        }
      }),
      { numRuns: 200 },
    )
    const row = new RowWriter()
    row.stretch()
    for (let i = 0; i < 10; i++) row.value('merchant/starbucks')
    expect(row.take([]).length).toBeLessThan(2 * 'merchant/starbucks'.length + 30)
  })
})
