import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pack, unpack } from '../../transport/index.js'
import { IdempotencyTable, recordKinds } from './idempotency-table.js'
import { hashWords } from './key-chunks.js'
import { KeyedHash } from './keyed-hash.js'

/** Hash words of a small number; few distinct low words, so that probe sequences collide. */
function wordsOf(key: number, meaning = 0): number[] {
  return [(key % 7) * 64 - 3, key, 0, 0, meaning, 0, 0]
}

describe('the idempotency table', () => {
  it('K1: takes at most 64 bytes a key', () => {
    const table = new IdempotencyTable()
    const hash = new KeyedHash(new Uint8Array(16))
    for (let i = 0; i < 100_000; i++) {
      const words: number[] = []
      hash.key('account/alice', 'pay', `order-${i}`, words)
      hash.meaning(i, words)
      table.insert(words.slice(0, hashWords), 1000, recordKinds.note, i)
    }
    expect(table.size).toBe(100_000)
    expect(table.bytes / table.size).toBeLessThanOrEqual(64)
  })

  it('K2, K3: knows exactly the keys of the window, like a plain map does', () => {
    const step = fc.oneof(
      fc.record({ type: fc.constant('insert' as const), key: fc.nat(60), meaning: fc.nat(3) }),
      fc.record({ type: fc.constant('forget' as const), age: fc.nat(20) }),
      fc.record({ type: fc.constant('restore' as const) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        let table = new IdempotencyTable()
        const model = new Map<number, { meaning: number; note: number; time: number }>()
        let time = 100
        steps.forEach((s, i) => {
          time++
          if (s.type === 'insert') {
            table.insert(wordsOf(s.key, s.meaning), time * 1000, recordKinds.note, i)
            model.set(s.key, { meaning: s.meaning, note: i, time })
          } else if (s.type === 'forget') {
            table.forgetBefore((time - s.age) * 1000, 1_000)
            for (const [key, entry] of model) if (entry.time < time - s.age) model.delete(key)
          } else {
            const copy = new IdempotencyTable()
            for (const chunk of table.dump()) copy.restore(chunk)
            table = copy
          }
          for (let key = 0; key <= 60; key++) {
            const expected = model.get(key)
            const found = table.find(wordsOf(key, 1))
            expect(found?.note).toBe(expected?.note)
            if (found !== undefined) expect(found.sameRequest).toBe(expected?.meaning === 1)
          }
        })
      }),
      { numRuns: 60 },
    )
  })

  it('keeps answers as bytes beside the table, over a dump too', () => {
    const table = new IdempotencyTable()
    table.insert(wordsOf(5), 1000, recordKinds.bytes, 0, Uint8Array.of(1, 2, 3))
    const copy = new IdempotencyTable()
    for (const chunk of table.dump()) copy.restore(chunk)
    expect([...copy.answerOf(copy.find(wordsOf(5))!.number)!]).toEqual([1, 2, 3])
  })

  it('follows another table by what was added to that one since, and what it has forgotten', () => {
    const table = new IdempotencyTable()
    const copy = new IdempotencyTable()
    let from = 0
    // Some keys come again; the last step forgets all that the copy has.
    for (const [added, forgotten] of [
      [2_500, 0],
      [700, 1_300],
      [0, 100],
      [50, 1_900],
    ] as const) {
      for (let i = 0; i < added; i++) {
        const number = table.span.next
        table.insert(wordsOf(number % 2_000), number * 1000, recordKinds.note, number)
      }
      table.forgetBefore((table.span.first + forgotten) * 1000, Infinity)
      copy.forgetUpTo(table.span.first)
      for (const chunk of table.dump(from)) copy.restore(chunk)
      from = table.span.next
      expect(copy.span).toEqual(table.span)
      for (let i = 0; i < 2_000; i++) expect(copy.find(wordsOf(i))).toEqual(table.find(wordsOf(i)))
    }
  })

  it('restores a dump that was packed and unpacked, whatever memory it lies in', () => {
    const table = new IdempotencyTable()
    for (let i = 0; i < 100; i++) table.insert(wordsOf(i), 5000, recordKinds.note, i)
    const copy = new IdempotencyTable()
    for (const chunk of table.dump()) copy.restore(unpack(pack(chunk)) as typeof chunk)
    expect(copy.size).toBe(100)
    for (let i = 0; i < 100; i++) expect(copy.find(wordsOf(i))?.note).toBe(i)
  })
})

describe('what a request means', () => {
  const hash = new KeyedHash(new Uint8Array(16).fill(3))
  const meaning = (value: unknown): string => {
    const words: number[] = []
    hash.meaning(value, words)
    return words.join()
  }

  it('does not depend on how its fields are ordered, and does on everything else', () => {
    expect(meaning({ b: 1, a: 'x' })).toBe(meaning({ a: 'x', b: 1, c: undefined }))
    const different: unknown[] = [
      { a: 1 },
      { a: '1' },
      { a: 1.5 },
      { a: true },
      { a: null },
      {},
      { a: [1, 2] },
      { a: [2, 1] },
      { a: [[1], 2] },
      { b: 1 },
      { a: { b: 1 } },
      { a: {}, b: 1 },
      1,
      '1',
      'ab',
      ['a', 'b'],
      ['ab', ''],
      ['', 'ab'],
    ]
    expect(new Set(different.map(meaning)).size).toBe(different.length)
  })

  it('differs for different plain data', () => {
    const plain = fc.jsonValue({ maxDepth: 3 })
    fc.assert(
      fc.property(plain, plain, (a, b) => {
        fc.pre(JSON.stringify(a) !== JSON.stringify(b) && typeof a !== 'object')
        expect(meaning(a)).not.toBe(meaning(b))
      }),
    )
  })

  it('is hashed by the secret: another secret or another text, another hash in every word', () => {
    const wordsWith = (secret: number, text: string): number[] => {
      const words: number[] = []
      new KeyedHash(new Uint8Array(16).fill(secret)).key('account/alice', 'pay', text, words)
      return words
    }
    const one = wordsWith(3, 'order-42')
    for (const other of [wordsWith(0, 'order-42'), wordsWith(3, 'order-43')]) {
      expect(one.filter((word, i) => word === other[i])).toHaveLength(0)
    }
  })
})
