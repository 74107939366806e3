/** Accounts: opening, standing, limits over day borders, folding, entries. */
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createRuntime } from '../../runtime/index.js'
import type { PaymentView } from '../bank.js'
import { actors } from '../module.js'
import { manual, TestBank } from '../testing/test-bank.js'
import type { AccountState } from './account-state.js'
import { dayOf, wrongTimeZone } from './calendar.js'

describe('opening and standing', () => {
  it('N1: opening again with the same fields returns it, with others it exists already', () => {
    const bank = new TestBank()
    const alice = bank.open(0, 'alice', 5, 'CNY', 7)
    const input = { currency: 'CNY', creditLimit: 7 }
    expect(bank.do(alice, 'open', input)).toMatchObject({
      available: 12,
      creditLimit: 7,
      version: 2,
    })
    expect(bank.do(alice, 'open', { ...input, creditLimit: 8 })).toBe('already_exists')
    expect(bank.do(alice, 'open', { ...input, currency: 'USD' })).toBe('already_exists')
  })

  it('N2: closes only empty, and takes part in nothing afterwards', () => {
    const bank = new TestBank()
    const alice = bank.open(0, 'alice', 5)
    const bob = bank.open(1, 'bob', 5)
    expect(bank.do(alice, 'close')).toBe('account_not_empty')
    bank.do(alice, 'withdraw', { amount: 5, currency: 'CNY' })
    expect(bank.do(alice, 'close')).toMatchObject({ status: 'closed' })
    expect(bank.do(alice, 'close')).toMatchObject({ status: 'closed' })
    for (const [command, input] of [
      ['freeze', null],
      ['unfreeze', null],
      ['setLimits', { perPayment: 1, perDay: 0 }],
      ['deposit', { amount: 1, currency: 'CNY' }],
      ['withdraw', { amount: 1, currency: 'CNY' }],
    ] as const) {
      expect(bank.do(alice, command, input), command).toBe('account_closed')
    }
    expect(bank.pay(alice, bob, 1)).toBe('account_closed')
    expect(bank.pay(bob, alice, 1)).toBe('account_closed')
  })

  it('A2: a frozen account neither pays nor is paid', () => {
    const bank = new TestBank()
    const alice = bank.open(0, 'alice', 5)
    const bob = bank.open(1, 'bob', 5)
    bank.do(alice, 'freeze')
    expect(bank.pay(alice, bob, 1)).toBe('account_frozen')
    expect(bank.pay(bob, alice, 1)).toBe('account_frozen')
    expect(bank.do(alice, 'deposit', { amount: 1, currency: 'CNY' })).toBe('account_frozen')
    expect(bank.do(alice, 'unfreeze')).toMatchObject({ status: 'open' })
    expect(bank.pay(alice, bob, 5)).toMatchObject({ status: 'settled' })
  })

  it('pays and withdraws all that is available and nothing more', () => {
    const bank = new TestBank()
    const alice = bank.open(0, 'alice', 5, 'CNY', 2)
    const bob = bank.open(1, 'bob')
    expect(bank.do(alice, 'withdraw', { amount: 8, currency: 'CNY' })).toBe('insufficient_funds')
    expect(bank.pay(alice, bob, 8)).toBe('insufficient_funds')
    expect(bank.pay(alice, bob, 1, manual)).toMatchObject({ status: 'held' })
    expect(bank.do(alice, 'withdraw', { amount: 7, currency: 'CNY' })).toBe('insufficient_funds')
    expect(bank.do(alice, 'withdraw', { amount: 6, currency: 'CNY' })).toMatchObject({ amount: 6 })
    expect(bank.available(alice)).toBe(0)
  })

  it('unknown accounts are not found and leave nothing behind', () => {
    const bank = new TestBank()
    const bob = bank.open(1, 'bob', 5)
    for (const command of ['freeze', 'unfreeze', 'close', 'setLimits', 'deposit', 'withdraw']) {
      const input = { amount: 1, currency: 'CNY', perDay: 0, perPayment: 0 }
      expect(bank.do('account/ghost', command, input), command).toBe('account_not_found')
    }
    expect(bank.pay('account/ghost', bob, 1)).toBe('account_not_found')
    expect(bank.shards.statesOf('account').map(([address]) => address)).toEqual([bob])
  })

  it('A1: of two reasons the first of the register is given', () => {
    const bank = new TestBank()
    const alice = bank.open(0, 'alice', 5)
    bank.do(alice, 'setLimits', { perPayment: 1, perDay: 0 })
    const bob = bank.open(0, 'bob')
    expect(bank.pay(alice, bob, 9)).toBe('limit_exceeded')
    expect(bank.pay(alice, bob, 9, { currency: 'USD' })).toBe('currency_mismatch')
    bank.do(alice, 'freeze')
    expect(bank.pay(alice, bob, 9, { currency: 'USD' })).toBe('account_frozen')
  })
})

describe('limits', () => {
  const noon = Date.UTC(2026, 2, 10, 12)

  it('count at the hold, over calendar days of the zone, and come back the same day only', () => {
    const bank = new TestBank({ now: noon, settings: { timeZone: 'Asia/Shanghai' } })
    const alice = bank.open(0, 'alice', 10_000)
    const shop = bank.openMerchant(1, 'shop')
    bank.do(alice, 'setLimits', { perPayment: 500, perDay: 1_000 })
    expect(bank.pay(alice, shop, 501)).toBe('limit_exceeded')
    expect(bank.pay(alice, shop, 500)).toMatchObject({ status: 'settled' })
    const held = bank.pay(alice, shop, 400, manual) as PaymentView
    expect(bank.pay(alice, shop, 101)).toBe('limit_exceeded')
    bank.do(`payment/${held.id}`, 'void')
    const late = bank.pay(alice, shop, 500, {
      manual: true,
      expiresInMs: 86_400_000,
    }) as PaymentView
    expect(bank.pay(alice, shop, 1)).toBe('limit_exceeded')
    // 12:00 UTC is 20:00 in Shanghai: the day ends four hours later.
    bank.shards.advance(4 * 3_600_000 - 1)
    expect(bank.pay(alice, shop, 1)).toBe('limit_exceeded')
    bank.shards.advance(1)
    expect(bank.pay(alice, shop, 500)).toMatchObject({ status: 'settled' })
    bank.do(`payment/${late.id}`, 'void')
    expect(bank.pay(alice, shop, 500)).toMatchObject({ status: 'settled' })
    expect(bank.pay(alice, shop, 1)).toBe('limit_exceeded')
  })

  it('Y2: do not come back where the zone has changed to one whose day is an earlier one', () => {
    const settings = { timeZone: 'Pacific/Kiritimati' }
    const bank = new TestBank({ now: noon, settings })
    const alice = bank.open(0, 'alice', 10_000)
    const shop = bank.openMerchant(1, 'shop')
    const near = bank.openMerchant(0, 'near')
    const legs = [{ payer: alice, payee: near, amount: 1, currency: 'CNY' }]
    bank.do(alice, 'setLimits', { perDay: 1_000 })
    for (const timeZone of ['Pacific/Kiritimati', 'Pacific/Pago_Pago', 'Pacific/Kiritimati']) {
      settings.timeZone = timeZone
      expect(bank.pay(alice, shop, 300)).toMatchObject({ status: 'settled' })
    }
    for (const timeZone of ['Pacific/Kiritimati', 'Pacific/Pago_Pago']) {
      settings.timeZone = timeZone
      expect(bank.pay(alice, shop, 101)).toBe('limit_exceeded')
      expect(bank.pay(alice, near, 101)).toBe('limit_exceeded')
      expect(bank.do(alice, 'transfer', { legs: [{ ...legs[0], amount: 101 }] })).toBe(
        'limit_exceeded',
      )
    }
  })

  it('do not come back on refund', () => {
    const bank = new TestBank()
    const alice = bank.open(0, 'alice', 100)
    const shop = bank.openMerchant(1, 'shop')
    bank.do(alice, 'setLimits', { perPayment: 0, perDay: 10 })
    const { id } = bank.pay(alice, shop, 10) as PaymentView
    bank.do(`payment/${id}`, 'refund', {})
    expect(bank.available(alice)).toBe(100)
    expect(bank.pay(alice, shop, 1)).toBe('limit_exceeded')
  })

  it('are raised and lifted', () => {
    const bank = new TestBank()
    const alice = bank.open(0, 'alice', 100)
    const shop = bank.openMerchant(0, 'shop')
    expect(bank.do(alice, 'setLimits', { perPayment: 5, perDay: 0 })).toMatchObject({
      limits: { perPayment: 5 },
    })
    expect(bank.pay(alice, shop, 6)).toBe('limit_exceeded')
    expect(bank.do(alice, 'setLimits', { perPayment: 0, perDay: 0 })).not.toHaveProperty('limits')
    expect(bank.pay(alice, shop, 6)).toMatchObject({ status: 'settled' })
  })

  it('Y1: days follow the zone over summer time and half-hour offsets', () => {
    expect(dayOf(Date.UTC(2026, 2, 29, 22, 59), 'Europe/Berlin')).toBe(20260330)
    expect(dayOf(Date.UTC(2026, 2, 28, 22, 59), 'Europe/Berlin')).toBe(20260328)
    expect(dayOf(Date.UTC(2026, 0, 1, 18, 29), 'Asia/Kolkata')).toBe(20260101)
    expect(dayOf(Date.UTC(2026, 0, 1, 18, 30), 'Asia/Kolkata')).toBe(20260102)
    expect(dayOf(Date.UTC(2026, 11, 31, 23, 59, 59, 999), undefined)).toBe(20261231)
    expect(() => dayOf(0, 'Mars/Olympus')).toThrow(RangeError)
  })

  it.each(['Mars/Phobos', '', 'UTC ', 5, null, ['UTC'], Object.create(null)])(
    'a runtime that is given %j as its zone says what to give and opens nothing',
    async (timeZone) => {
      const dataDir = join(tmpdir(), `suanpan-zone-never-made-${process.pid}`)
      const opening = createRuntime({ dataDir, actors, threads: 0, settings: { timeZone } })
      // What should not have been opened is closed.
      const ended = opening.then((runtime) => runtime.close())
      await expect(ended).rejects.toMatchObject({ code: 'invalid_options' })
      await expect(ended).rejects.toThrow(/^settings\.timeZone must be a time zone such as "Asia/)
      expect(existsSync(dataDir)).toBe(false)
    },
  )

  it('a zone may be left out, and be written in small letters', () => {
    for (const zone of [undefined, 'UTC', 'utc', 'Asia/Kathmandu']) {
      expect(wrongTimeZone(zone)).toBeUndefined()
    }
  })
})

describe('large numbers', () => {
  const max = Number.MAX_SAFE_INTEGER

  it('U1: an amount that would leave the safe integers is refused', () => {
    const bank = new TestBank()
    const alice = bank.open(0, 'alice', max)
    expect(bank.do(alice, 'deposit', { amount: 1, currency: 'CNY' })).toBe('limit_exceeded')
    const bob = bank.open(1, 'bob', 1)
    expect(bank.pay(alice, bob, max)).toBe('limit_exceeded')
    expect(bank.pay(alice, bob, max - 1)).toMatchObject({ status: 'settled' })
    expect(bank.available(bob)).toBe(max)
  })

  it('S2: what is available stays a safe integer with a credit limit too', () => {
    const bank = new TestBank()
    const alice = bank.open(0, 'alice', max - 7, 'CNY', 7)
    expect(bank.available(alice)).toBe(max)
    expect(bank.do(alice, 'deposit', { amount: 1, currency: 'CNY' })).toBe('limit_exceeded')
    expect(bank.do(alice, 'withdraw', { amount: max, currency: 'CNY' })).toMatchObject({
      amount: max,
    })
    expect(bank.available(alice)).toBe(0)
  })

  it('folds both posted counters of a busy merchant, and loses nothing', () => {
    const bank = new TestBank()
    const big = 2 ** 51
    const alice = bank.open(0, 'alice', big)
    const shop = bank.openMerchant(1, 'shop')
    for (let i = 0; i < 12; i++) {
      expect(bank.pay(alice, shop, big)).toMatchObject({ status: 'settled' })
      expect(bank.pay(shop, alice, big)).toMatchObject({ status: 'settled' })
    }
    expect(bank.available(alice)).toBe(big)
    expect(Math.max(...bank.counters(alice), ...bank.counters(shop))).toBeLessThanOrEqual(2 ** 52)
    const { entries } = bank.shards.query(alice, 'history', { limit: 100 }) as {
      entries: { type: string }[]
    }
    expect(entries.some(({ type }) => type === 'fold')).toBe(true)
    expect(bank.shards.query(alice, 'recount', { entries: 200 })).toBe('')
    expect(bank.findings()).toEqual([])
  })
})

describe('entries', () => {
  it('H1: add up to the counters; an entry that does not is found', () => {
    const bank = new TestBank()
    const alice = bank.open(0, 'alice', 50)
    const shop = bank.openMerchant(1, 'shop')
    const { id } = bank.pay(alice, shop, 20, manual) as PaymentView
    bank.do(`payment/${id}`, 'capture', { amount: 5, final: true })
    bank.do(`payment/${id}`, 'refund', { amount: 2 })
    const { entries } = bank.shards.query(alice, 'history', { limit: 10 }) as {
      entries: { type: string; reference: string }[]
    }
    expect(entries.map(({ type }) => type)).toEqual([
      'refund_credit',
      'refund_pending',
      'release',
      'payment',
      'hold',
      'deposit',
    ])
    expect(entries.slice(0, 5).every(({ reference }) => reference === id)).toBe(true)
    expect(bank.shards.query(alice, 'recount', { entries: 3 })).toBe('')
    bank.shards.actorAt(alice).rows.splice(2, 1)
    expect(bank.shards.query(alice, 'recount', { entries: 100 })).toContain('counters')
  })

  it('S1: events alone rebuild the state', () => {
    const bank = new TestBank()
    const alice = bank.open(0, 'alice', 50, 'CNY', 10)
    expect(bank.available(alice)).toBe(60)
    expect(bank.shards.state<AccountState>(alice).creditLimit).toBe(10)
    expect(bank.pay(alice, bank.openMerchant(1, 'shop'), 60)).toMatchObject({ status: 'settled' })
    expect(bank.available(alice)).toBe(0)
    expect(bank.pay(alice, bank.openMerchant(0, 'kiosk'), 1)).toBe('insufficient_funds')
  })
})
