import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GatewayKit } from './testing/gateway-kit.js'

describe('clients that race, over HTTP', () => {
  let kit: GatewayKit

  beforeEach(async () => {
    kit = await GatewayKit.start()
    await kit.openMerchant('shop')
  })
  afterEach(async () => {
    expect(kit.errors).toEqual([])
    await kit.stop()
  })

  it('50 payers of one account with one unit less than they need: exactly the affordable ones succeed', async () => {
    await kit.open('alice', 50 * 700 - 1)
    const answers = await Promise.all(
      Array.from({ length: 50 }, () =>
        kit.post('/v1/payments', { payer: 'alice', payee: 'shop', amount: 700, currency: 'CNY' }),
      ),
    )
    const settled = answers.filter(({ status }) => status === 201)
    const refused = answers.filter(({ status }) => status === 422)
    expect([settled.length, refused.length]).toEqual([49, 1])
    expect(refused[0]!.body.code).toBe('insufficient_funds')
    expect((await kit.get('/v1/accounts/alice')).body.available).toBe(699)
    expect((await kit.get('/v1/merchants/shop')).body.available).toBe(49 * 700)
  })

  it('100 requests with one key: one payment, one body', async () => {
    await kit.open('alice', 100_000)
    const body = { payer: 'alice', payee: 'shop', amount: 700, currency: 'CNY' }
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => kit.post('/v1/payments', body, { key: 'order-42' })),
    )
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
    const first = answers.filter(({ headers }) => headers.get('idempotent-replayed') === null)
    expect(first).toHaveLength(1)
    expect((await kit.get('/v1/accounts/alice')).body.available).toBe(99_300)
  })

  it('accounts pay each other while audits run: every cut sums to zero, nobody is below the floor', async () => {
    const names = Array.from({ length: 12 }, (_, i) => `a${i}`)
    for (const name of names) await kit.open(name, 500)
    const pay = async (from: number): Promise<void> => {
      for (let i = 1; i <= 25; i++) {
        const body = {
          payer: names[from]!,
          payee: `account/${names[(from + i) % names.length]!}`,
          amount: 90,
          currency: 'CNY',
        }
        if (i % names.length === 0) continue
        const answer = await kit.post('/v1/payments', body)
        if (answer.status !== 201) expect(answer.body.code).toBe('insufficient_funds')
        else {
          expect(answer.body.status).toBe('settled')
          const read = await kit.get(`/v1/payments/${answer.body.id}`)
          expect(read.body.status).toBe('settled')
          if (i % 5 === 0) {
            const refund = await kit.post(`/v1/payments/${answer.body.id}/refund`, {})
            expect([201, 200, 422]).toContain(refund.status)
          }
        }
      }
    }
    const load = { running: true }
    const payments = Promise.all(names.map((_, from) => pay(from))).finally(() => {
      load.running = false
    })
    let audits = 0
    while (load.running) {
      const audit = await kit.bank.audit()
      expect(audit.findings).toEqual([])
      expect(audit.conserved).toBe(true)
      expect(audit.currencies.map(({ sum }) => sum)).toEqual([0])
      audits++
    }
    await payments
    expect(audits).toBeGreaterThan(0)
    const balances = await Promise.all(names.map((name) => kit.bank.account(name)))
    for (const { available } of balances) expect(available).toBeGreaterThanOrEqual(0)
    expect(balances.reduce((sum, { available }) => sum + available, 0)).toBe(12 * 500)
  })
})
