/** What the client refuses before it sends anything. */
import { describe, expect, it } from 'vitest'
import { createBank } from './client.js'
import type { Bank } from './bank.js'
import { currencies, exponentOf, isCurrency } from './money/currency.js'
import { amountMax, formatAmount, isAmount } from './money/minor-units.js'
import { derivedId, homeOf, partsOf } from './payment/derived-ids.js'
import { paymentCodes, rankOf, refusalFor, refuse } from './refusals.js'
import { TestBank } from './testing/test-bank.js'

const currency = 'CNY'
const idempotencyKey = 'k'

function bankThatMustNotBeAsked(): Bank {
  const runtime = new TestBank().shards.asRuntime()
  const never = () => {
    throw new Error('a wrong request was sent')
  }
  return createBank({ ...runtime, command: never, query: never })
}

describe('wrong requests', () => {
  const bank = bankThatMustNotBeAsked()
  const pay = { payer: 'a', payee: 'm', amount: 1, currency, idempotencyKey }
  const leg = { payer: 'a', payee: 'm', amount: 1, currency }
  const odd = (request: object): never => request as never

  const wrong: [name: string, ask: () => Promise<unknown>][] = [
    ['a float', () => bank.pay({ ...pay, amount: 1.5 })],
    ['a text for an amount', () => bank.pay(odd({ ...pay, amount: '1' }))],
    ['not a number', () => bank.pay({ ...pay, amount: Number.NaN })],
    ['a negative amount', () => bank.pay({ ...pay, amount: -1 })],
    ['an unsafe amount', () => bank.pay({ ...pay, amount: amountMax + 1 })],
    ['a currency in lower case', () => bank.pay({ ...pay, currency: 'cny' })],
    ['a currency of the prototype', () => bank.pay({ ...pay, currency: 'constructor' })],
    ['payer equal to payee', () => bank.pay({ ...pay, payee: 'account/a' })],
    ['an id with a space', () => bank.pay({ ...pay, payer: 'a b' })],
    ['an id with a line feed', () => bank.pay({ ...pay, payer: 'a\n' })],
    ['an account that no URL names', () => bank.openAccount({ id: '.', currency: 'CNY' })],
    ['a merchant that no URL names', () => bank.openMerchant({ id: '..', currency: 'CNY' })],
    ['an id that is too long', () => bank.pay({ ...pay, payer: 'a'.repeat(129) })],
    ['another kind', () => bank.pay({ ...pay, payee: 'payment/p0-1' })],
    ['a memo that is too long', () => bank.pay({ ...pay, memo: 'x'.repeat(257) })],
    [
      'a memo that is too long outside the first plane',
      () => bank.pay({ ...pay, memo: '𝔪'.repeat(257) }),
    ],
    ['a memo with half a surrogate pair', () => bank.pay({ ...pay, memo: 'x\ud800y' })],
    ['a memo with a control character', () => bank.pay({ ...pay, memo: 'x\u0007y' })],
    ['a memo of two lines', () => bank.pay({ ...pay, memo: 'x\ny' })],
    ['a memo that is no text', () => bank.pay(odd({ ...pay, memo: 5 }))],
    ['an expiry of zero', () => bank.pay({ ...pay, capture: 'manual', expiresInSeconds: 0 })],
    ['an unknown capture', () => bank.pay(odd({ ...pay, capture: 'auto' }))],
    ['an unknown field', () => bank.pay(odd({ ...pay, note: 'x' }))],
    ['nothing', () => bank.pay(odd(null as never))],
    ['a list', () => bank.pay(odd([]))],
    ['an empty key', () => bank.pay({ ...pay, idempotencyKey: '' })],
    ['a key that is too long', () => bank.pay({ ...pay, idempotencyKey: 'x'.repeat(256) })],
    ['a missing currency', () => bank.deposit(odd({ account: 'a', amount: 1, idempotencyKey }))],
    ['no legs', () => bank.transfer({ legs: [], idempotencyKey })],
    ['17 legs', () => bank.transfer({ legs: Array(17).fill(leg), idempotencyKey })],
    ['legs that are no list', () => bank.transfer(odd({ legs: 'abc', idempotencyKey }))],
    [
      'a leg with itself',
      () => bank.transfer({ legs: [{ ...leg, payee: 'account/a' }], idempotencyKey }),
    ],
    ['a leg of nothing', () => bank.transfer(odd({ legs: [null], idempotencyKey }))],
    // eslint-disable-next-line no-sparse-arrays -- what a caller may hand over
    ['a hole for a leg', () => bank.transfer(odd({ legs: [, leg], idempotencyKey }))],
    ['a credit limit below zero', () => bank.openAccount({ id: 'a', currency, creditLimit: -1 })],
    ['a merchant on credit', () => bank.openMerchant(odd({ id: 'm', currency, creditLimit: 1 }))],
    ['a limit of zero', () => bank.setLimits('a', { perDay: 0 })],
    ['a page of nothing', () => bank.history('a', { limit: 0 })],
    ['a page without end', () => bank.history('a', { limit: 1_001 })],
    ['a moment that is none', () => bank.balanceAt('a', 1.5)],
    [
      'final that is no truth',
      () => bank.capture(odd({ payment: 'p0-1', final: 'yes', idempotencyKey })),
    ],
    [
      'a void with an amount',
      () => bank.voidPayment(odd({ payment: 'p0-1', amount: 1, idempotencyKey })),
    ],
  ]
  it.each(wrong)('%s is an invalid request', async (_name, ask) => {
    await expect(ask()).rejects.toMatchObject({ name: 'Refused', code: 'invalid_request' })
  })

  it('a request without a key is told so', async () => {
    const { idempotencyKey: _key, ...unnamed } = pay
    await expect(bank.pay(odd(unnamed))).rejects.toMatchObject({ code: 'idempotency_key_missing' })
  })

  it('what can’t be a payment is not found', async () => {
    for (const id of [
      '',
      'x',
      'p0',
      'p-1',
      'p0-0',
      'p00-1',
      'P0-1',
      'p0-1 ',
      't0-1',
      'p9-1',
      '../p0-1',
    ]) {
      await expect(bank.payment(id), id).rejects.toMatchObject({ code: 'not_found' })
      await expect(bank.refund({ payment: id, idempotencyKey })).rejects.toMatchObject({
        code: 'not_found',
      })
    }
  })
})

describe('money', () => {
  it('knows the exponents of ISO 4217', () => {
    expect([exponentOf('JPY'), exponentOf('CNY'), exponentOf('KWD'), exponentOf('CLF')]).toEqual([
      0, 2, 3, 4,
    ])
    expect(exponentOf('XAU')).toBeUndefined()
    const funds = ['BOV', 'CHE', 'CHW', 'CLF', 'COU', 'MXV', 'USN', 'UYI', 'UYW']
    expect(funds.filter((code) => isCurrency(code) || currencies.includes(code))).toEqual([])
    expect(funds.map(exponentOf)).toEqual([2, 2, 2, 4, 2, 2, 2, 0, 4])
    expect(currencies.every((code) => /^[A-Z]{3}$/.test(code) && isCurrency(code))).toBe(true)
    expect(new Set(currencies).size).toBe(currencies.length)
  })

  it('formats for people', () => {
    expect(formatAmount(3500, 'CNY')).toBe('35.00 CNY')
    expect(formatAmount(5, 'KWD')).toBe('0.005 KWD')
    expect(formatAmount(-5, 'CNY')).toBe('-0.05 CNY')
    expect(formatAmount(35, 'JPY')).toBe('35 JPY')
  })

  it('takes positive safe integers only', () => {
    expect([1, amountMax].every(isAmount)).toBe(true)
    expect([0, -1, 0.5, amountMax + 1, '1', null, Infinity, NaN, 1n].some(isAmount)).toBe(false)
  })
})

describe('ids', () => {
  it('D1, D2: locate, have one spelling, and take anything', () => {
    const id = derivedId('p', 63, 123_456)
    expect(id).toBe('p1r-2n9c')
    expect(partsOf('p', id)).toEqual({ shard: 63, sequence: 123_456 })
    expect(homeOf(id)).toBe(63)
    for (const odd of ['', 'p', 'p-', 'p-1', '💰', 'p__proto__-1', 'pzzzzzzzzzzzzzzz-1']) {
      expect(partsOf('p', odd)).toBeUndefined()
      expect(homeOf(odd)).toBeGreaterThanOrEqual(0)
    }
  })
})

describe('the register of refusals', () => {
  it('R1, R2: gives each code one constant refusal, in order of precedence', () => {
    const codes = Object.keys(paymentCodes) as (keyof typeof paymentCodes)[]
    for (const [rank, code] of codes.entries()) {
      expect(rankOf(code)).toBe(rank)
      expect(refuse(code)).toBe(refusalFor(code))
      expect(refuse(code)).toMatchObject({ refused: code, detail: paymentCodes[code].detail })
      expect(paymentCodes[code].detail).toMatch(/^[A-Z].*\.$/)
    }
  })

  it('R3: unknown parties and passing trouble do not stick, decisions do', () => {
    for (const code of ['payee_not_found', 'account_not_found', 'quarantined', 'overloaded']) {
      expect(refusalFor(code).sticky).toBe(false)
    }
    for (const code of ['insufficient_funds', 'actor_failed', 'something_else']) {
      expect(refusalFor(code).sticky).toBe(true)
    }
    expect(refusalFor('toString')).toMatchObject({ refused: 'toString' })
  })
})
