/** Every code over HTTP: its status, its flags, its headers; and nothing of the inside. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { paymentCodes } from '../../../actors/index.js'
import {
  Fault,
  InvariantViolated,
  Refused,
  runtimeCodes,
  type RuntimeCode,
} from '../../../runtime/index.js'
import { createGateway, httpCodes, type Code, type Gateway } from '../index.js'
import { failingBank } from '../testing/failing-bank.js'
import { GatewayKit, httpCall } from '../testing/gateway-kit.js'
import { expectProblem } from '../testing/problem-checks.js'

let gateway: Gateway
let base = ''
let next: Error
const reported: unknown[] = []

beforeAll(async () => {
  gateway = createGateway({
    bank: failingBank(() => next),
    ops: {
      ready: () => 'Shard 3 recovers.',
      metrics: () => [],
      quarantined: () => Promise.reject(next),
      release: () => Promise.reject(next),
    },
    port: 0,
    onError: (error) => reported.push(error),
  })
  base = await gateway.listen()
})

afterAll(() => gateway.close())

function payWith(error: Error) {
  next = error
  const body = { payer: 'a', payee: 'b', amount: 1, currency: 'CNY' }
  return httpCall(base, 'POST', '/v1/payments', { body, key: 'k' })
}

/** The codes and statuses that API.md promises. */
const promised: Record<string, number> = {
  invalid_request: 400,
  idempotency_key_missing: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  account_not_found: 404,
  payee_not_found: 404,
  already_exists: 409,
  payment_already_captured: 409,
  payment_already_voided: 409,
  payment_already_expired: 409,
  idempotency_key_expired: 409,
  insufficient_funds: 422,
  limit_exceeded: 422,
  currency_mismatch: 422,
  amount_exceeds_capturable: 422,
  amount_exceeds_refundable: 422,
  account_frozen: 422,
  account_closed: 422,
  risk_denied: 422,
  idempotency_conflict: 422,
  actor_failed: 500,
  overloaded: 503,
  not_ready: 503,
  quarantined: 503,
  outcome_unknown: 504,
}

describe('the table of codes', () => {
  it('gives every promised code its promised status', () => {
    for (const [code, status] of Object.entries(promised)) {
      expect([code, httpCodes[code as Code].status]).toEqual([code, status])
    }
  })

  it.each(Object.keys(runtimeCodes) as RuntimeCode[])('answers the fault %s', async (code) => {
    const answer = await payWith(new Fault(code))
    expectProblem(answer, code)
    expect(answer.body.retryable).toBe(runtimeCodes[code].retryable)
    expect(answer.body.outcome).toBe(runtimeCodes[code].outcome)
    const waits = code === 'overloaded' || code === 'not_ready'
    expect(answer.headers.get('retry-after')).toBe(waits ? '1' : null)
  })

  it.each(Object.keys(paymentCodes) as (keyof typeof paymentCodes)[])(
    'answers the refusal %s',
    async (code) => {
      const answer = await payWith(new Refused(code, 'The sentence of the domain.'))
      expectProblem(answer, code, 'The sentence of the domain.')
      expect(answer.headers.has('idempotent-replayed')).toBe(false)
      const again = await payWith(new Refused(code, 'The sentence of the domain.', true))
      expect(again.headers.get('idempotent-replayed')).toBe('true')
      expect(again.text).toBe(answer.text)
    },
  )

  it('keeps the inside inside', async () => {
    reported.length = 0
    const secrets = [
      new Error('ENOENT /var/lib/suanpan/secret'),
      new TypeError("Cannot read properties of undefined (reading 'secret')"),
      new InvariantViolated('secret counters disagree'),
      Object.assign(new Error('secret'), { code: 'ECONNREFUSED' }),
    ]
    for (const error of secrets) {
      const answer = await payWith(error)
      expectProblem(answer, 'internal_error')
      expect(answer.text).not.toContain('secret')
    }
    expect(reported).toEqual(secrets)
    const disk = await payWith(new Fault('journal_failed', 'EIO /var/lib/suanpan/secret'))
    expectProblem(disk, 'journal_failed')
    expect(disk.text).not.toContain('secret')
  })

  it('says why it is not ready', async () => {
    expectProblem(await httpCall(base, 'GET', '/readyz'), 'not_ready', 'Shard 3 recovers.')
    expect((await httpCall(base, 'GET', '/healthz')).status).toBe(200)
  })
})

describe('on the real runtime', () => {
  it('sheds with Retry-After, and a later try with the same key succeeds', async () => {
    const kit = await GatewayKit.start({}, { mailboxMessages: 1, shards: 1 })
    await kit.open('a', 1_000)
    await kit.openMerchant('m')
    const body = { payer: 'a', payee: 'm', amount: 1, currency: 'CNY' }
    const send = (i: number) => kit.post('/v1/payments', body, { key: `burst-${i}` })
    const lines = Array.from({ length: 200 }, (_, i) =>
      JSON.stringify({ ...body, idempotencyKey: `burst-${i}` }),
    )
    const { text } = await kit.post('/v1/payments/batch', lines.join('\n'), {
      headers: { 'content-type': 'application/x-ndjson' },
    })
    const answers = text.trimEnd().split('\n')
    expect(answers).toHaveLength(200)
    const shed = answers.findIndex((answer) => answer.includes('"code":"overloaded"'))
    expect(shed).toBeGreaterThanOrEqual(0)
    expect(JSON.parse(answers[shed]!)).toMatchObject({
      status: 503,
      retryable: true,
      line: shed + 1,
    })
    expect((await send(shed)).status).toBe(201)
    expect(kit.errors).toEqual([])
    await kit.stop()
  })

  it('refuses keys that carry a time out of the window', async () => {
    const kit = await GatewayKit.start({}, { idempotencyKeyTime: 'uuidv7' })
    await kit.open('a').catch(() => undefined)
    const body = { account: 'a', amount: 1, currency: 'CNY' }
    const old = '01800000-0000-7000-8000-000000000000'
    expectProblem(await kit.post('/v1/deposits', body, { key: old }), 'idempotency_key_expired')
    await kit.stop()
  })

  it('answers closed when the runtime has gone', async () => {
    const kit = await GatewayKit.start()
    await kit.open('a', 5)
    await kit.runtime.close()
    expectProblem(await kit.get('/v1/accounts/a'), 'closed')
    expectProblem(await kit.get('/readyz'), 'not_ready')
    await kit.stop()
  })
})
