/** Every operation of the gateway on the real bank: what a payment service gets over HTTP. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { GatewayKit } from './testing/gateway-kit.js'
import { expectProblem } from './testing/problem-checks.js'

let kit: GatewayKit
const currency = 'CNY'

beforeAll(async () => {
  kit = await GatewayKit.start()
})

afterAll(async () => {
  expect(kit.errors).toEqual([])
  await kit.stop()
})

const isoTime = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string

const zeroCounters = { debitsPending: 0, debitsPosted: 0, creditsPending: 0, creditsPosted: 0 }

async function pay(payer: string, payee: string, amount: number, more: object = {}) {
  return kit.post('/v1/payments', { payer, payee, amount, currency, ...more })
}

/** A manual payment of an account made for it. */
async function held(payer: string, amount = 1_000) {
  await kit.open(payer, 10_000)
  await kit.openMerchant(`shop-of-${payer}`)
  const { body } = await pay(payer, `shop-of-${payer}`, amount, { capture: 'manual' })
  return body as { id: string; status: string }
}

describe('accounts and merchants', () => {
  it('opens an account, again with the same fields, and shows it', async () => {
    const request = { id: 'alice', currency, creditLimit: 500 }
    const opened = await kit.call('POST', '/v1/accounts', { body: request })
    expect(opened.status).toBe(201)
    expect(opened.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(opened.body).toEqual({
      id: 'alice',
      kind: 'account',
      currency,
      status: 'open',
      creditLimit: 500,
      ...zeroCounters,
      available: 500,
      version: 1,
    })
    const again = await kit.call('POST', '/v1/accounts', { body: request })
    expect([again.status, again.body]).toEqual([201, opened.body])
    expect((await kit.get('/v1/accounts/alice')).body).toEqual(opened.body)
    const other = await kit.call('POST', '/v1/accounts', { body: { id: 'alice', currency: 'JPY' } })
    expectProblem(other, 'already_exists')
  })

  it('keeps accounts and merchants apart', async () => {
    const opened = await kit.call('POST', '/v1/merchants', { body: { id: 'cafe', currency } })
    expect([opened.status, opened.body.kind]).toEqual([201, 'merchant'])
    expect((await kit.get('/v1/merchants/cafe')).body).toEqual(opened.body)
    expectProblem(await kit.get('/v1/accounts/cafe'), 'account_not_found')
    expectProblem(await kit.get('/v1/merchants/alice'), 'account_not_found')
    const limited = { id: 'cafe2', currency, creditLimit: 1 }
    const refused = await kit.call('POST', '/v1/merchants', { body: limited })
    expectProblem(refused, 'invalid_request', 'The field "creditLimit" is unknown.')
  })

  it.each(['accounts', 'merchants'])('freezes, unfreezes, limits and closes %s', async (kind) => {
    const id = `life-${kind}`
    await kit.call('POST', `/v1/${kind}`, { body: { id, currency } })
    const base = `/v1/${kind}/${id}`
    const frozen = await kit.call('POST', `${base}/freeze`)
    expect([frozen.status, frozen.body.status]).toEqual([200, 'frozen'])
    expect((await kit.call('POST', `${base}/freeze`, { body: {} })).body).toEqual(frozen.body)
    expect((await kit.call('POST', `${base}/unfreeze`)).body.status).toBe('open')
    const limited = await kit.put(`${base}/limits`, { perPayment: 100, perDay: 200 })
    expect([limited.status, limited.body.limits]).toEqual([200, { perPayment: 100, perDay: 200 }])
    const unlimited = await kit.put(`${base}/limits`, {})
    expect(unlimited.body).not.toHaveProperty('limits')
    expect((await kit.call('POST', `${base}/close`)).body.status).toBe('closed')
    expectProblem(await kit.call('POST', `${base}/freeze`), 'account_closed')
    for (const verb of ['freeze', 'unfreeze', 'close']) {
      expectProblem(await kit.call('POST', `/v1/${kind}/none/${verb}`), 'account_not_found')
    }
    expectProblem(await kit.put(`/v1/${kind}/none/limits`, {}), 'account_not_found')
  })

  it('closes only what is empty', async () => {
    await kit.open('full', 5)
    expectProblem(await kit.call('POST', '/v1/accounts/full/close'), 'account_not_empty')
  })
})

describe('money in and out', () => {
  it('deposits and withdraws, once per key', async () => {
    await kit.open('saver')
    const request = { account: 'saver', amount: 10_000, currency }
    const first = await kit.post('/v1/deposits', request, { key: 'in-1' })
    expect(first.status).toBe(201)
    expect(first.headers.has('idempotent-replayed')).toBe(false)
    expect(first.body).toEqual({
      id: expect.stringMatching(/^d/) as string,
      account: 'account/saver',
      amount: 10_000,
      currency,
      createdAt: isoTime,
    })
    const again = await kit.post('/v1/deposits', request, { key: 'in-1' })
    expect([again.status, again.text]).toEqual([201, first.text])
    expect(again.headers.get('idempotent-replayed')).toBe('true')
    const out = await kit.post('/v1/withdrawals', {
      account: 'account/saver',
      amount: 4_000,
      currency,
    })
    expect([out.status, out.body.account]).toEqual([201, 'account/saver'])
    expect((await kit.get('/v1/accounts/saver')).body.available).toBe(6_000)
  })

  it('refuses with the code of the reason', async () => {
    await kit.open('poor', 10)
    const withdraw = (fields: object) =>
      kit.post('/v1/withdrawals', { account: 'poor', amount: 5, currency, ...fields })
    expectProblem(await withdraw({ amount: 11 }), 'insufficient_funds')
    expectProblem(await withdraw({ account: 'nobody' }), 'account_not_found')
    expectProblem(await withdraw({ currency: 'JPY' }), 'currency_mismatch')
    const much = { account: 'poor', amount: Number.MAX_SAFE_INTEGER, currency }
    expectProblem(await kit.post('/v1/deposits', much), 'limit_exceeded')
    await kit.call('POST', '/v1/accounts/poor/freeze')
    expectProblem(await withdraw({}), 'account_frozen')
  })

  it('remembers a refusal with its key, and says so', async () => {
    await kit.open('broke')
    const request = { account: 'broke', amount: 5, currency }
    const first = await kit.post('/v1/withdrawals', request, { key: 'w' })
    expectProblem(first, 'insufficient_funds')
    expect(first.headers.has('idempotent-replayed')).toBe(false)
    await kit.post('/v1/deposits', request)
    const again = await kit.post('/v1/withdrawals', request, { key: 'w' })
    expectProblem(again, 'insufficient_funds')
    expect(again.headers.get('idempotent-replayed')).toBe('true')
    expect(again.text).toBe(first.text)
  })
})

describe('payments', () => {
  it('settles, once per key, and refuses another request with the key', async () => {
    await kit.open('payer', 100_000)
    await kit.openMerchant('starbucks')
    const request = {
      payer: 'payer',
      payee: 'starbucks',
      amount: 3_500,
      currency,
      memo: 'Kaffee ☕',
    }
    const first = await kit.post('/v1/payments', request, { key: '"order-42"' })
    expect(first.status).toBe(201)
    expect(first.body).toEqual({
      id: expect.stringMatching(/^p/) as string,
      status: 'settled',
      payer: 'account/payer',
      payee: 'merchant/starbucks',
      amount: 3_500,
      captured: 3_500,
      refunded: 0,
      currency,
      createdAt: isoTime,
      settledAt: isoTime,
      memo: 'Kaffee ☕',
    })
    const again = await kit.post('/v1/payments', request, { key: '"order-42"' })
    expect([again.status, again.text]).toEqual([201, first.text])
    expect(again.headers.get('idempotent-replayed')).toBe('true')
    // The quotes of the draft are part of the key.
    const unquoted = await kit.post('/v1/payments', request, { key: 'order-42' })
    expect(unquoted.body.id).not.toBe(first.body.id)
    const other = await kit.post('/v1/payments', { ...request, amount: 1 }, { key: '"order-42"' })
    expectProblem(other, 'idempotency_conflict')
    for (const more of [{ memo: 'Tee' }, { capture: 'manual' }, { expiresInSeconds: 60 }]) {
      const changed = await kit.post('/v1/payments', { ...request, ...more }, { key: '"order-42"' })
      expectProblem(changed, 'idempotency_conflict')
    }
    const shown = await kit.get(`/v1/payments/${first.body.id}`)
    expect([shown.status, shown.body]).toEqual([200, first.body])
    expectProblem(await kit.get('/v1/payments/p0-zzz'), 'not_found')
    expectProblem(await kit.get('/v1/payments/nonsense'), 'not_found')
  })

  it('is captured in parts, voided, refunded', async () => {
    const { id, status } = await held('manual')
    expect(status).toBe('held')
    const base = `/v1/payments/${id}`
    const part = await kit.post(`${base}/capture`, { amount: 300 })
    expect([part.status, part.body.status, part.body.captured]).toEqual([200, 'held', 300])
    expect(part.body.expiresAt).toEqual(isoTime)
    expectProblem(await kit.post(`${base}/capture`, { amount: 701 }), 'amount_exceeds_capturable')
    const voided = await kit.post(`${base}/void`)
    expect([voided.body.status, voided.body.captured]).toEqual(['settled', 300])
    expectProblem(await kit.post(`${base}/void`, {}), 'payment_already_captured')
    expectProblem(await kit.post(`${base}/capture`), 'payment_already_captured')
    const refunded = await kit.post(`${base}/refund`, { amount: 100 }, { key: 'r' })
    expect(refunded.body).toMatchObject({ status: 'partially_refunded', refunded: 100 })
    const replayed = await kit.post(`${base}/refund`, { amount: 100 }, { key: 'r' })
    expect(replayed.headers.get('idempotent-replayed')).toBe('true')
    expect((await kit.post(`${base}/refund`)).body).toMatchObject({
      status: 'refunded',
      refunded: 300,
    })
    expectProblem(await kit.post(`${base}/refund`), 'amount_exceeds_refundable')
  })

  it('captures the remainder with no body, with {} and finally', async () => {
    const none = await held('capture-none')
    expect((await kit.post(`/v1/payments/${none.id}/capture`)).body.status).toBe('settled')
    const empty = await held('capture-empty')
    expect((await kit.post(`/v1/payments/${empty.id}/capture`, {})).body.captured).toBe(1_000)
    const final = await held('capture-final')
    const body = { amount: 1, final: true }
    expect((await kit.post(`/v1/payments/${final.id}/capture`, body)).body).toMatchObject({
      status: 'settled',
      captured: 1,
    })
  })

  it('says how a payment ended that takes no more steps', async () => {
    const voided = await held('voided')
    expect((await kit.post(`/v1/payments/${voided.id}/void`)).body.status).toBe('voided')
    for (const step of ['capture', 'void', 'refund']) {
      const answer = await kit.post(`/v1/payments/${voided.id}/${step}`)
      expectProblem(answer, 'payment_already_voided')
    }
    const { body } = await pay('voided', 'shop-of-voided', 1, {
      capture: 'manual',
      expiresInSeconds: 1,
    })
    await expect
      .poll(async () => (await kit.get(`/v1/payments/${body.id}`)).body.status, {
        timeout: 10_000,
        interval: 100,
      })
      .toBe('expired')
    const late = await kit.post(`/v1/payments/${body.id}/capture`)
    expectProblem(late, 'payment_already_expired')
    for (const step of ['capture', 'void', 'refund']) {
      expectProblem(await kit.post(`/v1/payments/p0-zzz/${step}`), 'not_found')
    }
  })

  it('refuses with the code of the reason', async () => {
    await kit.open('spender', 1_000)
    await kit.open('frozen', 1_000)
    await kit.call('POST', '/v1/accounts/frozen/freeze')
    await kit.open('gone')
    await kit.call('POST', '/v1/accounts/gone/close')
    await kit.openMerchant('shop')
    await kit.openMerchant('yen-shop', 'JPY')
    await kit.put('/v1/accounts/spender/limits', { perPayment: 500 })
    expectProblem(await pay('nobody', 'shop', 1), 'account_not_found')
    expectProblem(await pay('spender', 'nowhere', 1), 'payee_not_found')
    expectProblem(await pay('spender', 'shop', 501), 'limit_exceeded')
    expectProblem(await pay('frozen', 'shop', 1), 'account_frozen')
    expectProblem(await pay('spender', 'account/frozen', 1), 'account_frozen')
    expectProblem(await pay('gone', 'shop', 1), 'account_closed')
    expectProblem(await pay('spender', 'yen-shop', 1), 'currency_mismatch')
    await kit.put('/v1/accounts/spender/limits', {})
    expectProblem(await pay('spender', 'shop', 1_001), 'insufficient_funds')
  })
})

describe('the bounds of requests', () => {
  it('are those of the bank: what is just within them is done', async () => {
    const payer = `p${'x'.repeat(127)}`
    await kit.open(payer, 1_000)
    await kit.openMerchant('bounds')
    const fields = { capture: 'manual', expiresInSeconds: 366 * 24 * 60 * 60 }
    // Characters as JSON schemas count them: each of these is two in a JavaScript string.
    const long = { ...fields, memo: '𝔪'.repeat(256) }
    const paid = await kit.post(
      '/v1/payments',
      { payer: `account/${payer}`, payee: 'bounds', amount: 1, currency, ...long },
      { key: ' ~'.repeat(127).trim() + '.' },
    )
    expect([paid.status, paid.body.status]).toEqual([201, 'held'])
    const leg = { payer, payee: 'bounds', amount: 1, currency }
    const transfer = await kit.post('/v1/transfers', { legs: new Array(16).fill(leg) })
    expect(transfer.status).toBe(201)
    const rich = { id: 'rich', currency, creditLimit: Number.MAX_SAFE_INTEGER }
    expect((await kit.call('POST', '/v1/accounts', { body: rich })).status).toBe(201)
    const all = await kit.get('/v1/accounts/rich/history?limit=1000&before=9007199254740991')
    expect(all.body.entries).toEqual([])
  })
})

describe('transfers', () => {
  it('moves all legs or none', async () => {
    await kit.open('t1', 100)
    await kit.open('t2', 100)
    const leg = (payer: string, payee: string, amount: number) => ({
      payer,
      payee,
      amount,
      currency,
    })
    const legs = [leg('t1', 'account/t2', 60), leg('account/t2', 'account/t1', 10)]
    const done = await kit.post('/v1/transfers', { legs }, { key: 't' })
    expect(done.status).toBe(201)
    expect(done.body).toEqual({
      id: expect.stringMatching(/^t/) as string,
      status: 'settled',
      legs: [leg('account/t1', 'account/t2', 60), leg('account/t2', 'account/t1', 10)],
      createdAt: isoTime,
      settledAt: isoTime,
    })
    const again = await kit.post('/v1/transfers', { legs }, { key: 't' })
    expect([again.text, again.headers.get('idempotent-replayed')]).toEqual([done.text, 'true'])
    expect((await kit.get('/v1/accounts/t1')).body.available).toBe(50)
    const tooMuch = [leg('t1', 'account/t2', 10), leg('t2', 'account/t1', 1_000)]
    expectProblem(await kit.post('/v1/transfers', { legs: tooMuch }), 'insufficient_funds')
    expect((await kit.get('/v1/accounts/t1')).body.available).toBe(50)
  })
})

describe('history, balance, audit', () => {
  it('pages through entries, newest first', async () => {
    await kit.open('reader')
    for (let amount = 1; amount <= 5; amount++) {
      await kit.post('/v1/deposits', { account: 'reader', amount, currency })
    }
    const first = await kit.get('/v1/accounts/reader/history?limit=2')
    expect(first.body.entries.map((entry: { number: number }) => entry.number)).toEqual([5, 4])
    expect(first.body.entries[0]).toEqual({
      number: 5,
      type: 'deposit',
      amount: 5,
      reference: expect.stringMatching(/^d/) as string,
      ...zeroCounters,
      creditsPosted: 15,
      at: isoTime,
    })
    expect(first.body.next).toBe(4)
    const rest = await kit.get(`/v1/accounts/reader/history?limit=1000&before=${first.body.next}`)
    expect(rest.body.entries).toHaveLength(3)
    expect(rest.body).not.toHaveProperty('next')
    expect((await kit.get('/v1/accounts/reader/history')).body.entries).toHaveLength(5)
    expectProblem(await kit.get('/v1/accounts/nobody/history'), 'account_not_found')
    await kit.openMerchant('read-shop')
    expect((await kit.get('/v1/merchants/read-shop/history')).body).toEqual({ entries: [] })
  })

  it('shows the counters as of a moment, in any of its forms', async () => {
    await kit.open('past')
    const { body: one } = await kit.post('/v1/deposits', { account: 'past', amount: 7, currency })
    const at = Date.parse(one.createdAt)
    await expect.poll(() => Date.now(), { interval: 5 }).toBeGreaterThan(at + 2)
    await kit.post('/v1/deposits', { account: 'past', amount: 5, currency })
    const balance = async (text: string) =>
      (await kit.get(`/v1/accounts/past/balance${text}`)).body as { available: number; at: string }
    const iso = new Date(at + 1).toISOString()
    for (const form of [
      iso,
      String(at + 1),
      iso.replace('Z', '+00:00'),
      iso.replace('Z', '-00:00'),
    ]) {
      expect(await balance(`?at=${form}`)).toMatchObject({ available: 7, at: iso })
    }
    expect(await balance(`?at=${encodeURIComponent(iso.replace('Z', '+00:00'))}`)).toMatchObject({
      available: 7,
    })
    expect(await balance('?at=2020-01-01')).toMatchObject({ available: 0 })
    expect(await balance('')).toEqual({
      id: 'past',
      kind: 'account',
      currency,
      ...zeroCounters,
      creditsPosted: 12,
      available: 12,
      at: isoTime,
    })
    expectProblem(await kit.get('/v1/accounts/nobody/balance'), 'account_not_found')
    expect((await kit.get('/v1/merchants/cafe/balance')).body.kind).toBe('merchant')
  })

  it('shows the counters of now by the time of the shard, when the clock was set back', async () => {
    await kit.open('ahead')
    const { body: one } = await kit.post('/v1/deposits', { account: 'ahead', amount: 7, currency })
    const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.parse(one.createdAt) - 3_600_000)
    try {
      const { body } = await kit.get('/v1/accounts/ahead/balance')
      expect(body.available).toBe(7)
      expect(Date.parse(body.at)).toBeGreaterThanOrEqual(Date.parse(one.createdAt))
    } finally {
      clock.mockRestore()
    }
  })

  it('audits: every sum is zero', async () => {
    const { status, body } = await kit.get('/v1/audit')
    expect(status).toBe(200)
    expect(body).toMatchObject({ conserved: true, findings: [], inFlight: [], checkedAt: isoTime })
    for (const row of body.currencies as { sum: number }[]) expect(row.sum).toBe(0)
  })
})

describe('operators', () => {
  it('tells that it lives and serves, and shows its numbers', async () => {
    expect((await kit.get('/healthz')).body).toEqual({ status: 'live' })
    expect((await kit.get('/readyz')).body).toEqual({ status: 'ready' })
    // The framework refuses it before it has a route.
    expect((await kit.get('/v1/accounts/%zz')).status).toBe(400)
    const metrics = await kit.get('/metrics')
    expect(metrics.text).not.toContain('NaN')
    expect(metrics.text).toMatch(
      /^suanpan_http_request_duration_seconds_sum\{method="\*",route="unmatched",status="400"\} \d/m,
    )
    expect(metrics.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
    expect(metrics.text).toMatch(
      /suanpan_http_request_duration_seconds_count\{method="GET",route="\/healthz",status="200"\} 1\n/,
    )
    expect(metrics.text).toMatch(/^suanpan_shard_actors\{shard="0"\} \d+$/m)
    expect(metrics.text).toMatch(/^process_cpu_seconds_total \d/m)
    expect(metrics.text).toMatch(/^suanpan_quarantined_actors 0$/m)
    expect(metrics.text).not.toContain('suanpan_audit')
    expect((await kit.get('/v1/quarantine')).body).toEqual({ actors: [] })
    const none = await kit.post('/v1/quarantine/release', { address: 'account/alice' })
    expectProblem(
      none,
      'not_found',
      'No actor with this address is quarantined; the list of the quarantine has those that are.',
    )
  })

  it('makes a backup, and says what hinders one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'suanpan-backup-'))
    const target = join(folder, 'copy')
    try {
      const made = await kit.post('/v1/backup', { target })
      expect(made.body).toMatchObject({ state: 'done', target, shards: 4, epoch: 1 })
      const again = await kit.post('/v1/backup', { target })
      expectProblem(
        again,
        'backup_target_taken',
        `${target} exists already; name a folder that does not, the backup makes it.`,
      )
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('answers HEAD as GET without a body', async () => {
    const head = await kit.call('HEAD', '/v1/accounts/alice')
    expect([head.status, head.text]).toEqual([200, ''])
    expect((await kit.call('HEAD', '/v1/accounts/nobody')).status).toBe(404)
  })
})
