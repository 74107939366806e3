/** J1: payments written by hand are what the server's serializer makes of them. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PaymentView } from '../../../actors/index.js'
import { paymentLine, paymentText } from './payment-text.js'
import { paymentJson } from './views.js'

const id = fc.stringMatching(/^[A-Za-z0-9._:@-]{1,128}$/)
const moment = fc.integer({ min: 0, max: 8_640_000_000_000 })
const amount = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
const views = fc.record(
  {
    id,
    status: fc.constantFrom('held', 'settled', 'failed', 'partially_refunded'),
    payer: id.map((key) => `account/${key}`),
    payee: id.map((key) => `merchant/${key}`),
    amount,
    captured: amount,
    refunded: amount,
    currency: fc.constantFrom('CNY', 'EUR'),
    createdAt: moment,
    settledAt: moment,
    expiresAt: moment,
    memo: fc.string({ unit: 'grapheme' }),
    failure: fc.constantFrom('payee_not_found', 'account_closed'),
  },
  {
    requiredKeys: [
      'id',
      'status',
      'payer',
      'payee',
      'amount',
      'captured',
      'refunded',
      'currency',
      'createdAt',
    ],
  },
) as fc.Arbitrary<PaymentView>

describe('J1: a payment as text', () => {
  it('has the fields of the answer, in their order', () => {
    fc.assert(
      fc.property(views, (view) => {
        expect(paymentText(view)).toBe(JSON.stringify(paymentJson(view)))
        expect(paymentLine({ value: view, replayed: false })).toBe(paymentText(view))
      }),
    )
  })

  it('says as a line of a batch whether it is a remembered one', () => {
    fc.assert(
      fc.property(views, (value) => {
        const expected = JSON.stringify({ ...paymentJson(value), idempotentReplayed: true })
        expect(paymentLine({ value, replayed: true })).toBe(expected)
      }),
    )
  })
})
