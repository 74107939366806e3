/** Transfers of several legs: all or nothing, wherever their accounts live. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { refusal, type Address } from '../../runtime/index.js'
import type { Leg } from '../bank.js'
import { answerOf, moneyIn, TestBank } from '../testing/test-bank.js'

function leg(payer: Address, payee: Address, amount: number, currency = 'CNY'): Leg {
  return { payer, payee, amount, currency }
}

describe('transfers', () => {
  it('settle every leg, the same account in several of them', () => {
    const bank = new TestBank()
    const [a, b] = [bank.open(0, 'a', 100), bank.open(1, 'b', 100)]
    const [m, n] = [bank.openMerchant(1, 'm'), bank.openMerchant(2, 'n')]
    const legs = [leg(a, m, 40), leg(a, n, 60), leg(b, n, 5), leg(b, a, 7)]
    expect(bank.do(a, 'transfer', { legs })).toMatchObject({ status: 'settled', legs })
    expect([a, b, m, n].map((account) => bank.available(account))).toEqual([7, 88, 40, 65])
    expect(bank.counters(a)).toEqual([0, 100, 0, 107])
  })

  it('inside one shard settle in one turn', () => {
    const bank = new TestBank()
    const [a, b] = [bank.open(0, 'a', 100), bank.open(0, 'b')]
    const ask = bank.start(a, 'transfer', { legs: [leg(a, b, 40), leg(b, a, 0 + 1)] })
    // b has nothing before the transfer: legs don't feed each other.
    expect(answerOf(ask)).toBe('insufficient_funds')
    expect(answerOf(bank.start(a, 'transfer', { legs: [leg(a, b, 40)] }))).toMatchObject({
      status: 'settled',
    })
    expect(bank.available(a)).toBe(60)
  })

  it('count available and limits of a payer over all its legs', () => {
    const bank = new TestBank()
    const a = bank.open(1, 'a', 100)
    const first = bank.open(0, 'first', 100)
    const m = bank.openMerchant(2, 'm')
    const legs = [leg(first, m, 1), leg(a, m, 60), leg(a, m, 41)]
    expect(bank.do(first, 'transfer', { legs })).toBe('insufficient_funds')
    bank.do(a, 'setLimits', { perPayment: 60, perDay: 99 })
    legs[2] = leg(a, m, 40)
    expect(bank.do(first, 'transfer', { legs })).toBe('limit_exceeded')
    legs[2] = leg(a, m, 39)
    expect(bank.do(first, 'transfer', { legs })).toMatchObject({ status: 'settled' })
    // What was given back counts no more.
    expect(bank.available(a)).toBe(1)
  })

  it('T1: a refusal of any leg undoes all, and its code is the answer', () => {
    for (const [prepare, code] of [
      [(bank: TestBank, m: Address) => bank.do(m, 'freeze'), 'account_frozen'],
      [(bank: TestBank, m: Address) => bank.do(m, 'close'), 'account_closed'],
      [(bank: TestBank) => (bank.shards.failing = failHolds), 'actor_failed'],
    ] as const) {
      const bank = new TestBank()
      const [a, b] = [bank.open(0, 'a', 100), bank.open(1, 'b', 100)]
      const m = bank.openMerchant(2, 'm')
      prepare(bank, m)
      const legs = [leg(a, b, 40), leg(b, m, 60)]
      expect(bank.do(a, 'transfer', { legs })).toBe(code)
      expect(bank.counters(a)).toEqual([0, 0, 0, 100])
      expect(bank.counters(b)).toEqual([0, 0, 0, 100])
    }
  })

  it('of several refusals gives the one of the first leg, in whatever order they come', () => {
    for (const choice of [0, 0.4, 0.99]) {
      const bank = new TestBank({ random: () => choice })
      const [a, b] = [bank.open(0, 'a', 100), bank.open(2, 'b')]
      const [m, n] = [bank.openMerchant(1, 'm'), bank.openMerchant(0, 'n')]
      bank.do(m, 'freeze')
      const legs = [leg(a, m, 1), leg(b, n, 1)]
      expect(bank.do(a, 'transfer', { legs })).toBe('account_frozen')
      expect(bank.do(a, 'transfer', { legs: [leg(a, n, 1), leg(b, m, 1)] })).toBe('account_frozen')
    }
  })

  it('K4: where the accounts live makes no difference to which refusal is the answer', () => {
    const codes = [0, 1].map((shard) => {
      const bank = new TestBank()
      const a = bank.open(0, 'a', 100)
      const ghost = bank.addressIn(shard, 'merchant', 'ghost')
      const m = bank.openMerchant(0, 'm')
      const legs = [leg(a, ghost, 10), leg(a, m, 5_000)]
      const answers = [legs, [...legs].reverse()].map((some) =>
        bank.do(a, 'transfer', { legs: some }),
      )
      expect(bank.counters(a)).toEqual([0, 0, 0, 100])
      return answers
    })
    expect(codes[0]).toEqual(['payee_not_found', 'insufficient_funds'])
    expect(codes[1]).toEqual(codes[0])
  })

  it('a reserved payee can be frozen but not closed, and is credited all the same', () => {
    const bank = new TestBank()
    const a = bank.open(0, 'a', 100)
    const b = bank.open(1, 'b', 100)
    const m = bank.openMerchant(2, 'm')
    const ask = bank.start(a, 'transfer', { legs: [leg(a, m, 40), leg(b, m, 2)] })
    while (bank.counters(m)[2] !== 42) bank.shards.deliver()
    expect(answerOf(bank.start(m, 'close'))).toBe('account_not_empty')
    bank.start(m, 'freeze')
    bank.shards.settle()
    expect(answerOf(ask)).toMatchObject({ status: 'settled' })
    expect(bank.available(m)).toBe(42)
  })

  it('several currencies, each balanced by itself', () => {
    const bank = new TestBank()
    const a = bank.open(0, 'a', 100)
    const d = bank.open(1, 'd', 100, 'USD')
    const m = bank.openMerchant(2, 'm')
    const e = bank.openMerchant(2, 'e', 0, 'USD')
    const legs = [leg(a, m, 1), leg(d, e, 2, 'USD')]
    expect(bank.do(a, 'transfer', { legs })).toMatchObject({ status: 'settled' })
    expect(bank.do(a, 'transfer', { legs: [...legs, leg(a, e, 1)] })).toBe('currency_mismatch')
    expect(bank.findings()).toEqual([])
  })

  it('unknown parties: the key is free again', () => {
    const bank = new TestBank()
    const a = bank.open(0, 'a', 100)
    const ghost = bank.addressIn(1, 'merchant', 'ghost')
    const legs = [leg(a, ghost, 1)]
    const first = bank.start(a, 'transfer', { legs }, 'k')
    bank.shards.settle()
    expect(answerOf(first)).toBe('payee_not_found')
    bank.openMerchant(1, 'ghost')
    const second = bank.start(a, 'transfer', { legs }, 'k')
    bank.shards.settle()
    expect(answerOf(second)).toMatchObject({ status: 'settled' })
    expect(bank.do(bank.addressIn(1, 'account', 'x'), 'transfer', { legs })).toBe(
      'account_not_found',
    )
  })

  it('all or nothing, with any legs, in any order of delivery', () => {
    const index = fc.nat(5)
    const legs = fc.array(fc.tuple(index, index, fc.integer({ min: 1, max: 80 })), {
      minLength: 1,
      maxLength: 6,
    })
    fc.assert(
      fc.property(fc.array(legs, { minLength: 1, maxLength: 4 }), fc.integer(), (all, seed) => {
        const bank = new TestBank({ random: generator(seed) })
        const accounts = [0, 1, 2, 0, 1, 2].map((shard, i) => bank.open(shard, `a${i}-`, 100))
        const before = accounts.map((account) => bank.available(account))
        const expected = [...before]
        const asks = all.map((transfer) => {
          const sound = transfer.filter(([from, to]) => from !== to)
          const [first] = sound
          if (first === undefined) return undefined
          const asked = sound.map(([from, to, amount]) =>
            leg(accounts[from] ?? '', accounts[to] ?? '', amount),
          )
          return { sound, ask: bank.start(accounts[first[0]] ?? '', 'transfer', { legs: asked }) }
        })
        bank.shards.settle()
        for (const one of asks) {
          if (one === undefined) continue
          const answer = answerOf(one.ask)
          if (typeof answer === 'string') {
            expect(answer).toBe('insufficient_funds')
            continue
          }
          for (const [from, to, amount] of one.sound) {
            expected[from] = (expected[from] ?? 0) - amount
            expected[to] = (expected[to] ?? 0) + amount
          }
        }
        expect(accounts.map((account) => bank.available(account))).toEqual(expected)
        for (const account of accounts) {
          const [debitsPending, , creditsPending] = bank.counters(account)
          expect([debitsPending, creditsPending]).toEqual([0, 0])
        }
        expect(moneyIn(bank)).toBe(600)
        expect(bank.findings()).toEqual([])
      }),
      { numRuns: 150 },
    )
  })
})

function failHolds(message: { command: string }) {
  return message.command === 'transferHold' ? refusal('actor_failed', '', false) : undefined
}

/** A small generator (mulberry32), so that a seed reproduces a run. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
