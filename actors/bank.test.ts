/** The bank on a real runtime: what a user of `suanpan/payments` gets, end to end. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRuntime, type Runtime } from '../runtime/index.js'
import type { Bank } from './bank.js'
import { payments } from './index.js'

let dataDir = ''
let runtime: Runtime
let bank: Bank

async function start(): Promise<void> {
  runtime = await createRuntime({ dataDir, actors: payments.actors, threads: 0, shards: 8 })
  bank = payments.client(runtime)
}

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'suanpan-bank-'))
  await start()
})

afterEach(async () => {
  await runtime.close()
  rmSync(dataDir, { recursive: true, force: true })
})

const currency = 'CNY'

/** Accounts a0…, merchants m0…, each account with 100,000. */
async function openSome(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await bank.openAccount({ id: `a${i}`, currency })
    await bank.openMerchant({ id: `m${i}`, currency })
    await bank.deposit({ account: `a${i}`, amount: 100_000, currency, idempotencyKey: `in-${i}` })
  }
}

describe('a closed runtime', () => {
  it('says so, whatever is asked', async () => {
    await runtime.close()
    const closed = { code: 'closed' }
    await expect(bank.account('account/a0')).rejects.toMatchObject(closed)
    await expect(bank.audit()).rejects.toMatchObject(closed)
    await expect(runtime.shardStatus()).rejects.toMatchObject(closed)
    await expect(runtime.quarantined()).rejects.toMatchObject(closed)
    await expect(runtime.release('account/a0')).rejects.toMatchObject(closed)
    await expect(runtime.snapshot()).rejects.toMatchObject(closed)
    await expect(runtime.comparePairs()).rejects.toMatchObject(closed)
    expect(await runtime.ready()).toBe(false)
  })
})

describe('the bank', () => {
  it('pays across shards and inside one, and answers the same key the same way', async () => {
    await openSome(4)
    for (let payer = 0; payer < 4; payer++) {
      for (let payee = 0; payee < 4; payee++) {
        const request = {
          payer: `a${payer}`,
          payee: `m${payee}`,
          amount: 100 + payee,
          currency,
          idempotencyKey: `k-${payee}`,
        }
        const payment = await bank.pay(request)
        expect(payment).toMatchObject({ status: 'settled', captured: 100 + payee, refunded: 0 })
        expect(await bank.keyed.pay(request)).toEqual({ value: payment, replayed: true })
        await expect(bank.pay({ ...request, amount: 1 })).rejects.toMatchObject({
          code: 'idempotency_conflict',
        })
      }
    }
    expect((await bank.merchant('m1')).available).toBe(404)
    const audit = await bank.audit()
    expect(audit).toMatchObject({ conserved: true, findings: [], inFlight: [] })
    expect(audit.currencies).toMatchObject([
      { currency, accounts: 400_000, world: -400_000, sum: 0 },
    ])
  })

  it('keeps everything over a restart', async () => {
    await openSome(3)
    const paid = await bank.pay({
      payer: 'a0',
      payee: 'm1',
      amount: 500,
      currency,
      idempotencyKey: 'p',
    })
    const held = await bank.pay({
      payer: 'a1',
      payee: 'm2',
      amount: 700,
      currency,
      capture: 'manual',
      idempotencyKey: 'h',
    })
    const before = [await bank.account('a0'), await bank.account('a1'), await bank.merchant('m1')]
    await runtime.close()
    await start()
    expect([await bank.account('a0'), await bank.account('a1'), await bank.merchant('m1')]).toEqual(
      before,
    )
    expect(await bank.payment(paid.id)).toEqual(paid)
    const captured = await bank.capture({ payment: held.id, idempotencyKey: 'c' })
    expect(captured).toMatchObject({ status: 'settled', captured: 700 })
    expect(await bank.refund({ payment: held.id, amount: 200, idempotencyKey: 'r' })).toMatchObject(
      {
        status: 'partially_refunded',
        refunded: 200,
      },
    )
    expect(await bank.capture({ payment: held.id, idempotencyKey: 'c' })).toEqual(captured)
    expect((await bank.audit()).findings).toEqual([])
  })

  it('moves transfers of several legs between any shards, all or nothing', async () => {
    await openSome(4)
    const legs = [0, 1, 2, 3].flatMap((i) => [
      { payer: `a${i}`, payee: `m${(i + 1) % 4}`, amount: 1_000 + i, currency },
      { payer: `a${i}`, payee: `account/a${(i + 2) % 4}`, amount: 10, currency },
    ])
    const done = await bank.transfer({ legs, idempotencyKey: 't' })
    expect(done.status).toBe('settled')
    expect(done.legs[0]).toEqual({ ...legs[0], payer: 'account/a0', payee: 'merchant/m1' })
    expect(await bank.keyed.transfer({ legs, idempotencyKey: 't' })).toEqual({
      value: done,
      replayed: true,
    })
    expect((await bank.account('a3')).available).toBe(100_000 - 1_003)
    const tooMuch = [...legs, { payer: 'a0', payee: 'm0', amount: 1_000_000, currency }]
    await expect(bank.transfer({ legs: tooMuch, idempotencyKey: 'u' })).rejects.toMatchObject({
      code: 'insufficient_funds',
    })
    expect((await bank.account('a3')).available).toBe(100_000 - 1_003)
    expect((await bank.audit()).findings).toEqual([])
  })

  it('lets a payee_not_found key be used again once the payee exists', async () => {
    await openSome(1)
    for (let i = 0; i < 6; i++) {
      const request = {
        payer: 'a0',
        payee: `new${i}`,
        amount: 5,
        currency,
        idempotencyKey: `n${i}`,
      }
      await expect(bank.pay(request)).rejects.toMatchObject({ code: 'payee_not_found' })
      await bank.openMerchant({ id: `new${i}`, currency })
      expect(await bank.pay(request)).toMatchObject({ status: 'settled' })
    }
    expect((await bank.account('a0')).debitsPending).toBe(0)
  })

  it('says of a payee that is not there how an account is named as one', async () => {
    await openSome(2)
    const request = { payer: 'a0', amount: 5, currency }
    await expect(bank.pay({ ...request, payee: 'a1', idempotencyKey: 'x' })).rejects.toThrow(
      'a bare id is a merchant; an account is written account/ID',
    )
    const paid = await bank.pay({ ...request, payee: 'account/a1', idempotencyKey: 'y' })
    expect(paid.status).toBe('settled')
  })

  it('says of a deposit in another currency nothing of two accounts', async () => {
    await openSome(1)
    const deposit = { account: 'a0', amount: 5, currency: 'USD', idempotencyKey: 'x' }
    await expect(bank.deposit(deposit)).rejects.toThrow(
      'The currency of the request is not that of the account, or accounts, it names',
    )
  })

  it('refuses what is wrong with a precise code', async () => {
    await openSome(1)
    const good = { payer: 'a0', payee: 'm0', amount: 5, currency, idempotencyKey: 'x' }
    const bad: [object, string][] = [
      [{ amount: 1.5 }, 'invalid_request'],
      [{ amount: 0 }, 'invalid_request'],
      [{ amount: 2 ** 53 }, 'invalid_request'],
      [{ currency: 'XXX' }, 'invalid_request'],
      [{ payer: 'a/b/c' }, 'invalid_request'],
      [{ payee: 'account/a0' }, 'invalid_request'],
      [{ colour: 'red' }, 'invalid_request'],
      [{ capture: 'later' }, 'invalid_request'],
      [{ idempotencyKey: undefined }, 'idempotency_key_missing'],
      [{ idempotencyKey: 'é' }, 'invalid_request'],
      [{ payer: 'nobody' }, 'account_not_found'],
      [{ currency: 'USD' }, 'currency_mismatch'],
      [{ amount: 100_001 }, 'insufficient_funds'],
    ]
    for (const [i, [change, code]] of bad.entries()) {
      const request = { ...good, idempotencyKey: `x-${i}`, ...change }
      await expect(bank.pay(request), code).rejects.toMatchObject({ code })
    }
    for (const id of ['', 'p', 'p0-', 'pzzz-1', 'p0-01', 'constructor', 'p0-1']) {
      await expect(bank.payment(id), id).rejects.toMatchObject({ code: 'not_found' })
    }
    await expect(bank.account('ghost')).rejects.toMatchObject({ code: 'account_not_found' })
    await expect(bank.openAccount({ id: 'a0', currency: 'USD' })).rejects.toMatchObject({
      code: 'already_exists',
    })
  })

  it('shows an account entry by entry, and its balance as of any moment', async () => {
    await openSome(2)
    const payment = await bank.pay({
      payer: 'a0',
      payee: 'm1',
      amount: 5,
      currency,
      idempotencyKey: 'k',
    })
    const { entries, next } = await bank.history('a0', { limit: 1 })
    expect(entries).toMatchObject([
      { type: 'payment', amount: 5, reference: payment.id, counterparty: 'merchant/m1' },
    ])
    expect(next).toBe(entries[0]?.number)
    const deposited = (await bank.history('a0')).entries.at(-1)
    expect(deposited).toMatchObject({ number: 1, type: 'deposit', creditsPosted: 100_000 })
    expect(await bank.balanceAt('a0', 0)).toMatchObject({ available: 0 })
    expect(await bank.balanceAt('a0', payment.createdAt + 60_000)).toMatchObject({
      available: 99_995,
    })
    const now = await bank.balanceAt('a0')
    expect(now).toMatchObject({ available: 99_995 })
    expect(now.at).toBeGreaterThanOrEqual(entries[0]!.at)
  })
})
