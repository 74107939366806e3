import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvariantViolated } from '../errors.js'
import { PackedStore, type StoredActor } from './packed-store.js'

const stored = (
  address: string,
  version: number,
  bytes: number,
): Parameters<PackedStore['put']>[0] => ({
  address,
  kindVersion: 1,
  version,
  history: version * 3,
  state: new Uint8Array(bytes).fill(version),
})

/** As `toEqual`, which looks at each of half a million bytes by itself. */
function expectSame(actor: StoredActor, other: StoredActor): void {
  expect(Buffer.compare(actor.state, other.state)).toBe(0)
  expect({ ...actor, state: '' }).toEqual({ ...other, state: '' })
}

describe('the packed store', () => {
  it('finds what was put and nothing else, like a plain map does', () => {
    const step = fc.record({
      take: fc.boolean(),
      key: fc.nat(80),
      bytes: fc.oneof(
        { weight: 9, arbitrary: fc.nat(300) },
        { weight: 1, arbitrary: fc.nat(300_000) },
      ),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const store = new PackedStore()
        const model = new Map<string, number>()
        steps.forEach(({ take, key, bytes }, i) => {
          const address = `purse/秘-${key}`
          if (take) {
            const taken = store.take(address)
            expect(taken?.version).toBe(model.get(address))
            model.delete(address)
          } else if (!model.has(address)) {
            store.put(stored(address, i + 1, bytes))
            model.set(address, i + 1)
          }
        })
        expect(store.size).toBe(model.size)
        for (const [address, version] of model) {
          const found = store.peek(address)!
          expect([found.version, found.history, found.state.at(-1) ?? version % 256]).toEqual([
            version,
            version * 3,
            version % 256,
          ])
        }
      }),
      { numRuns: 50 },
    )
  })

  it('P1: an address or a version that two bytes would cut short is a bug, and not stored', () => {
    const store = new PackedStore()
    const odd = [
      stored(`a/${'x'.repeat(65_534)}`, 1, 3),
      { ...stored('a/b', 1, 3), kindVersion: 65_536 },
    ]
    for (const actor of odd) expect(() => store.put(actor)).toThrow(InvariantViolated)
    store.put(stored(`a/${'x'.repeat(65_533)}`, 1, 3))
    expect(store.size).toBe(1)
  })

  it('P2: a cut shows what was stored when it was taken', () => {
    const store = new PackedStore()
    for (let i = 1; i <= 100; i++) store.put(stored(`a/${i}`, i, 50))
    const cut = store.cut()
    for (let i = 1; i <= 90; i++) store.take(`a/${i}`)
    for (let i = 1; i <= 5_000; i++) store.put(stored(`b/${i}`, i, 2_000))
    for (let i = 1; i <= 5_000; i++) store.take(`b/${i}`)
    const seen: string[] = []
    cut.read(
      (actor) => seen.push(`${actor.address}:${actor.version}:${actor.state.length}`),
      0,
      cut.slots,
    )
    expect(seen.sort()).toEqual(
      Array.from({ length: 100 }, (_, i) => `a/${i + 1}:${i + 1}:50`).sort(),
    )
    expect(store.size).toBe(10)
  })

  it('P3: another store takes records over as they are, whatever their addresses and sizes', () => {
    const actors = fc.uniqueArray(
      fc.record({
        address: fc.oneof(
          fc.stringMatching(/^purse\/[a-z]{1,20}$/),
          fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).map((key) => `purse/${key}`),
        ),
        bytes: fc.oneof(
          { weight: 19, arbitrary: fc.nat(2_000) },
          { weight: 1, arbitrary: fc.integer({ min: 200_000, max: 600_000 }) },
        ),
      }),
      { selector: ({ address }) => address, maxLength: 60 },
    )
    fc.assert(
      fc.property(actors, fc.nat(40), (all, before) => {
        const store = new PackedStore()
        all.forEach(({ address, bytes }, i) => store.put(stored(address, i + 1, bytes)))
        const other = new PackedStore()
        for (let i = 1; i <= before; i++) other.put(stored(`own/${i}`, i, i))
        const checked: string[] = []
        for (const piece of store.cut().records()) {
          other.adopt(piece, (bytes, from, to, kindVersion) => {
            checked.push(`${bytes.toString('utf8', from, to)} ${kindVersion}`)
          })
        }
        expect(checked.sort()).toEqual(all.map(({ address }) => `${address} 1`).sort())
        expect(other.size).toBe(before + all.length)
        for (const { address } of all) expectSame(other.peek(address)!, store.peek(address)!)
        for (let i = 1; i <= before; i++) expect(other.take(`own/${i}`)?.state).toHaveLength(i)
      }),
      { numRuns: 25 },
    )
  })

  it('P3: a piece that is cut short is refused', () => {
    const store = new PackedStore()
    for (let i = 1; i <= 3; i++) store.put(stored(`purse/${i}`, i, 50))
    const [piece] = [...store.cut().records()]
    for (const bytes of [8, 16, 24, piece!.length - 8]) {
      const cut = piece!.subarray(0, bytes)
      expect(() => new PackedStore().adopt(cut, () => undefined)).toThrow(RangeError)
    }
  })
})
