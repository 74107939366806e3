/** Whatever is wrong with a request: a 4xx problem with a sentence, never a 500, never silence. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { operations } from './gateway.js'
import { GatewayKit } from './testing/gateway-kit.js'
import { expectProblem, expectSomeProblem } from './testing/problem-checks.js'

let kit: GatewayKit

beforeAll(async () => {
  kit = await GatewayKit.start({ bodyBytesMax: 65_536 })
  await kit.open('alice', 1_000_000)
  await kit.openMerchant('shop')
})

afterAll(async () => {
  expect(kit.errors).toEqual([])
  expect((await kit.bank.account('alice')).available).toBe(1_000_000)
  await kit.stop()
})

const good = { payer: 'alice', payee: 'shop', amount: 1, currency: 'CNY' }
const json = (fields: string) => `{"payer":"alice","payee":"shop","currency":"CNY",${fields}}`

const wrongPayments: [what: string, body: unknown, detail: string | RegExp][] = [
  ['nothing', '', 'The body is empty; send a JSON object.'],
  ['no JSON', 'pay bob', /^The body is no JSON/],
  ['half of it', '{"payer":"alice"', /^The body is no JSON/],
  ['two values', '{} {}', /^The body is no JSON: it breaks at character 4\.$/],
  ['a comment', '{} // pay', /^The body is no JSON/],
  ['a trailing comma', '{"payer":"alice",}', /^The body is no JSON/],
  ['single quotes', "{'payer':'alice'}", /^The body is no JSON/],
  ['a byte order mark', '\ufeff{}', /^The body is no JSON/],
  ['NaN', json('"amount":NaN'), /^The body is no JSON/],
  ['hexadecimal', json('"amount":0x10'), /^The body is no JSON/],
  ['a leading zero', json('"amount":0100'), /^The body is no JSON/],
  ['a plus sign', json('"amount":+1'), /^The body is no JSON/],
  ['no UTF-8', Buffer.from('{"memo":"\xff"}', 'latin1'), 'The body is not UTF-8.'],
  ['null', 'null', 'The body must be a JSON object.'],
  ['a list', '[]', 'The body must be a JSON object.'],
  ['a text', '"pay"', 'The body must be a JSON object.'],
  ['a number', '1', 'The body must be a JSON object.'],
  ['an empty object', {}, 'The field "payer" is missing.'],
  ['no amount', { ...good, amount: undefined }, 'The field "amount" is missing.'],
  ['an unknown field', { ...good, tip: 1 }, 'The field "tip" is unknown.'],
  ['a field of answers', { ...good, status: 'settled' }, 'The field "status" is unknown.'],
  ['the key in the body', { ...good, idempotencyKey: 'x' }, /"idempotencyKey" is unknown/],
  ['__proto__', json('"amount":1,"__proto__":{"amount":2}'), 'The field "__proto__" is unknown.'],
  ['constructor', json('"amount":1,"constructor":{}'), 'The field "constructor" is unknown.'],
  ['toString', json('"amount":1,"toString":1'), 'The field "toString" is unknown.'],
  ['a field twice', json('"amount":1,"amount":2'), 'The body has the field "amount" twice.'],
  ['a field twice, escaped', json('"amount":1,"\\u0061mount":2'), /the field "amount" twice/],
  ['a float', json('"amount":35.5'), /^The body has the number 35\.5;/],
  ['a float that is whole', json('"amount":35.00'), /^The body has the number 35\.00;/],
  ['an exponent', json('"amount":1e3'), /^The body has the number 1e3;/],
  ['a big exponent', json('"amount":1E+400'), /^The body has the number 1E\+400;/],
  ['minus zero', json('"amount":-0'), /^The body has the number -0;/],
  ['zero', { ...good, amount: 0 }, '"amount" must be a whole number from 1 to 9007199254740991.'],
  ['a negative', { ...good, amount: -5 }, /^"amount" must be a whole number from 1/],
  ['2^53', json('"amount":9007199254740992'), /^"amount" must be a whole number from 1/],
  ['2^53 + 1', json('"amount":9007199254740993'), /^"amount" must be a whole number from 1/],
  ['400 digits', json(`"amount":${'9'.repeat(400)}`), /^"amount" must be a whole number from 1/],
  ['a numeric text', { ...good, amount: '5' }, /^"amount" must be a whole number from 1/],
  ['full-width digits', { ...good, amount: '５' }, /^"amount" must be a whole number from 1/],
  ['true', { ...good, amount: true }, /^"amount" must be a whole number from 1/],
  ['null', { ...good, amount: null }, /^"amount" must be a whole number from 1/],
  ['a list of one', { ...good, amount: [5] }, /^"amount" must be a whole number from 1/],
  ['an unknown currency', { ...good, currency: 'XYZ' }, /^"currency" must be a code of ISO 4217/],
  ['a small currency', { ...good, currency: 'cny' }, /^"currency" must be a code of ISO 4217/],
  ['a metal', { ...good, currency: 'XAU' }, /^"currency" must be a code of ISO 4217/],
  ['an inherited currency', { ...good, currency: 'constructor' }, /^"currency" must be/],
  ['a numeric currency', { ...good, currency: 156 }, /^"currency" must be a code of ISO 4217/],
  ['payer = payee', { ...good, payee: 'account/alice' }, /payer and payee must be two accounts/],
  ['an empty payer', { ...good, payer: '' }, /^"payer" must be an id, or "account\/"/],
  ['a space', { ...good, payer: 'al ice' }, /^"payer" must be an id/],
  ['a line end', { ...good, payer: 'alice\n' }, /^"payer" must be an id/],
  ['a null character', { ...good, payer: 'alice\0' }, /^"payer" must be an id/],
  ['another kind', { ...good, payer: 'payment/p1-1' }, /^"payer" must be an id/],
  ['world', { ...good, payer: 'world/CNY' }, /^"payer" must be an id/],
  ['a path', { ...good, payer: '../alice' }, /^"payer" must be an id/],
  ['a long payer', { ...good, payer: 'a'.repeat(129) }, /^"payer" must be an id/],
  ['an object', { ...good, payer: { id: 'alice' } }, /^"payer" must be an id/],
  ['another capture', { ...good, capture: 'later' }, /^"capture" must be one of "automatic", "m/],
  ['no time', { ...good, expiresInSeconds: 0 }, /^"expiresInSeconds" must be a whole number/],
  ['too long', { ...good, expiresInSeconds: 31_622_401 }, /^"expiresInSeconds" must be a whole/],
  ['a long memo', { ...good, memo: 'x'.repeat(257) }, /^"memo" must be a text of at most 256/],
  ['half a surrogate', json('"amount":1,"memo":"\\ud800"'), /^"memo" must be a text/],
  ['a control character', { ...good, memo: 'a\u0007' }, /^"memo" must be a text/],
  ['depth', '{"memo":'.repeat(9) + '1' + '}'.repeat(9), /nested deeper than 8 levels/],
  ['great depth', '['.repeat(30_000) + ']'.repeat(30_000), /nested deeper than 8 levels/],
]

describe('a wrong payment', () => {
  it.each(wrongPayments)('with %s', async (_what, body, detail) => {
    expectProblem(await kit.post('/v1/payments', body), 'invalid_request', detail)
  })

  it.each([
    ['no legs', { legs: [] }, '"legs" must have 1 to 16 entries.'],
    ['17 legs', { legs: new Array(17).fill(good) }, '"legs" must have 1 to 16 entries.'],
    ['a leg of zero', { legs: [good, { ...good, amount: 0 }] }, /^"legs\[1\]\.amount" must be/],
    ['a leg with more', { legs: [{ ...good, memo: 'x' }] }, 'The field "legs[0].memo" is unknown.'],
    ['a leg without', { legs: [{ ...good, payee: undefined }] }, /"legs\[0\]\.payee" is missing/],
    ['a leg twice', `{"legs":[{"payer":"a","payer":"b"}]}`, /has the field "payer" twice/],
    ['legs that are none', { legs: 'all' }, '"legs" must be a list.'],
  ])('transfer with %s', async (_what, body, detail) => {
    expectProblem(await kit.post('/v1/transfers', body), 'invalid_request', detail)
  })

  it.each([
    ['/v1/payments/p0-1/capture', { final: 'yes' }, '"final" must be true or false.'],
    ['/v1/payments/p0-1/capture', { amount: 0 }, /^"amount" must be/],
    ['/v1/payments/p0-1/void', { amount: 1 }, 'The field "amount" is unknown.'],
    ['/v1/payments/p0-1/refund', { amount: 1, final: true }, 'The field "final" is unknown.'],
    ['/v1/payments/p0-1/refund', 'null', 'The body must be a JSON object.'],
    ['/v1/payments/p0-1/capture', 'null', 'The body must be a JSON object.'],
    ['/v1/accounts/alice/close', 'null', 'The body must be a JSON object.'],
    ['/v1/deposits', { account: 'alice', amount: 0.5, currency: 'CNY' }, /the number 0\.5;/],
    ['/v1/withdrawals', { amount: 1, currency: 'CNY' }, 'The field "account" is missing.'],
    ['/v1/accounts', { id: 'ä', currency: 'CNY' }, /^"id" must be 1 to 128 characters/],
    ['/v1/accounts', { id: '..', currency: 'CNY' }, /^"id" must be .*, but not "\." or "\.\."/],
    ['/v1/merchants', { id: '.', currency: 'CNY' }, /^"id" must be/],
    ['/v1/accounts', { id: 'a', currency: 'CNY', creditLimit: -1 }, /^"creditLimit" must be/],
    ['/v1/accounts/alice/freeze', { now: true }, 'The field "now" is unknown.'],
    ['/v1/backup', { target: 'monday' }, /^"target" must be an absolute path such as/],
    ['/v1/quarantine/release', { address: 'alice' }, /^"address" must be the address of an actor/],
  ])('%s with %j', async (path, body, detail) => {
    expectProblem(await kit.post(path, body), 'invalid_request', detail)
  })

  it('limits with a wrong body or none', async () => {
    expectProblem(await kit.put('/v1/accounts/alice/limits', { perDay: 0 }), 'invalid_request')
    expectProblem(await kit.call('PUT', '/v1/accounts/alice/limits'), 'invalid_request')
  })
})

describe('an idempotency key', () => {
  const send = (headers: Record<string, string>, body: unknown = good) =>
    kit.call('POST', '/v1/payments', { body, headers })

  it('must be there, once, of printable ASCII', async () => {
    expectProblem(await send({}), 'idempotency_key_missing')
    expectProblem(await send({ 'idempotency-key': '' }), 'idempotency_key_missing')
    expectProblem(await send({ 'idempotency-key': 'k'.repeat(256) }), 'invalid_request', /1 to 255/)
    expectProblem(await send({ 'idempotency-key': 'cl\u00e9' }), 'invalid_request', /ASCII/)
    const body = JSON.stringify(good)
    const twice = await kit.raw(
      `POST /v1/payments HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n` +
        `idempotency-key: a\r\nIdempotency-Key: b\r\ncontent-type: application/json\r\n` +
        `content-length: ${body.length}\r\n\r\n${body}`,
    )
    expect(twice).toMatch(/^HTTP\/1\.1 400 .*stands twice in the headers/s)
  })

  it('comes after the body in the order of precedence', async () => {
    expectProblem(await send({}, { ...good, amount: 0 }), 'invalid_request')
  })

  it('is asked of every operation that moves money', async () => {
    for (const spec of operations.filter(({ keyed }) => keyed === true)) {
      const path = spec.path.replace('{id}', 'p0-1')
      const answer = await kit.call(spec.method, path, { body: spec.body?.example })
      expectProblem(answer, 'idempotency_key_missing')
    }
  })
})

describe('paths, queries, methods, media types', () => {
  it.each([
    '/v1/accounts/',
    '/v1/accounts/%00',
    '/v1/accounts/a%20b',
    '/v1/accounts/%C3%A4',
    '/v1/accounts/%zz',
    `/v1/accounts/${'a'.repeat(129)}`,
    `/v1/payments/${'a'.repeat(5_000)}`,
    '/v1/accounts/..%2falice',
    '/v1/accounts/alice?verbose=1',
    '/v1/accounts/alice/history?limit=0',
    '/v1/accounts/alice/history?limit=1001',
    '/v1/accounts/alice/history?limit=1e2',
    '/v1/accounts/alice/history?limit=1.0',
    '/v1/accounts/alice/history?limit=%2010',
    '/v1/accounts/alice/history?limit=0x10',
    '/v1/accounts/alice/history?limit=-1',
    '/v1/accounts/alice/history?limit=',
    '/v1/accounts/alice/history?limit=1&limit=2',
    '/v1/accounts/alice/history?before=0',
    '/v1/accounts/alice/history?before=99999999999999999999',
    '/v1/accounts/alice/history?Limit=1',
    '/v1/accounts/alice/history?__proto__=1',
    '/v1/accounts/alice/balance?at=',
    '/v1/accounts/alice/balance?at=yesterday',
    '/v1/accounts/alice/balance?at=2026-02-30',
    '/v1/accounts/alice/balance?at=2026-08-01T09:30:00',
    '/v1/accounts/alice/balance?at=2026-08-01T25:00:00Z',
    '/v1/accounts/alice/balance?at=-5',
    '/v1/accounts/alice/balance?at=1e12',
    '/v1/accounts/alice/balance?at=9999999999999999',
    '/v1/audit?deep=1',
  ])('GET %s is invalid', async (path) => {
    expectProblem(await kit.get(path), 'invalid_request')
  })

  it.each(['/', '/v1', '/v1/', '/v2/accounts', '/v1/accounts/alice/', '//v1/audit'])(
    '%s is not found',
    async (path) => {
      expectProblem(await kit.get(path), 'not_found')
      expectProblem(await kit.call('POST', path, { body: 'no JSON' }), 'not_found')
    },
  )

  it.each([
    ['DELETE', '/v1/accounts/alice', 'GET, HEAD'],
    ['GET', '/v1/payments', 'POST'],
    ['PUT', '/v1/payments/p0-1', 'GET, HEAD'],
    ['POST', '/v1/accounts/alice/limits', 'PUT'],
    ['PATCH', '/v1/deposits', 'POST'],
    ['OPTIONS', '/v1/payments', 'POST'],
    ['POST', '/metrics', 'GET, HEAD'],
  ])('%s %s is not allowed', async (method, path, allow) => {
    const answer = await kit.call(method, path, method === 'GET' ? {} : { body: '{' })
    expectProblem(answer, 'method_not_allowed', `This path takes ${allow}.`)
    expect(answer.headers.get('allow')).toBe(allow)
  })

  it('takes JSON only, whatever it is called', async () => {
    const send = (type: string, body: string) =>
      kit.post('/v1/payments', body, { headers: { 'content-type': type } })
    for (const type of ['text/plain', 'application/xml', 'application/x-www-form-urlencoded']) {
      expectProblem(await send(type, 'amount=5'), 'invalid_request')
      expectProblem(await send(type, JSON.stringify(good)), 'unsupported_media_type')
    }
    expectProblem(
      await send('application/x-ndjson', JSON.stringify(good)),
      'unsupported_media_type',
    )
    expectProblem(await send('nonsense', '{}'), 'unsupported_media_type')
    expectProblem(await send('application/json; charset=utf-8', '{}'), 'invalid_request')
    const batch = await kit.post('/v1/payments/batch', JSON.stringify(good))
    expectProblem(batch, 'unsupported_media_type', /application\/x-ndjson/)
  })

  it('bounds the body', async () => {
    const large = JSON.stringify({ ...good, memo: 'x'.repeat(70_000) })
    expectProblem(await kit.post('/v1/payments', large), 'body_too_large')
  })
})

describe('broken HTTP', () => {
  it.each([
    ['no HTTP at all', 'hello\r\n\r\n', 400],
    ['an unknown method', 'BREW /v1/audit HTTP/1.1\r\nhost: localhost\r\n\r\n', 400],
    ['no host', 'GET /v1/audit HTTP/1.1\r\n\r\n', 400],
    ['a bad length', 'POST /v1/payments HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n', 400],
    [
      'a length and chunks',
      'POST /v1/payments HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    [
      'bad chunks',
      'POST /v1/payments HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
      400,
    ],
    ['large headers', `GET /healthz HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, 431],
    ['a long path', `GET /${'y'.repeat(20_000)} HTTP/1.1\r\nhost: a\r\n\r\n`, 431],
    [
      'a method of another protocol',
      'PROPFIND /v1/audit HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
      405,
    ],
    [
      'an expectation',
      'POST /v1/payments HTTP/1.1\r\nhost: a\r\nexpect: wonders\r\ncontent-length: 0\r\n\r\n',
      400,
    ],
  ])('%s', async (_what, bytes, status) => {
    const answer = await kit.raw(bytes)
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(answer).toMatch(/"code":"[a-z_]+"/)
  })

  it('a body shorter than it says, from a client that goes away, harms nobody', async () => {
    await kit
      .raw(
        'POST /v1/payments HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{"a"',
        300,
      )
      .catch(() => undefined)
    expect((await kit.get('/healthz')).status).toBe(200)
  })
})

describe('fuzz', () => {
  const field = fc.oneof(
    fc.constantFrom('alice', 'shop', 'CNY', 'account/alice', '', '__proto__', 'a'.repeat(200)),
    fc.integer(),
    fc.double(),
    fc.string({ unit: 'binary' }),
    fc.jsonValue(),
  )
  const name = fc.constantFrom(
    ...['payer', 'payee', 'amount', 'currency', 'capture', 'memo', 'legs', 'id', 'account'],
    ...['creditLimit', 'perDay', 'final', 'address', '__proto__', 'constructor', 'x'],
  )
  const objects = fc.dictionary(name, field, { maxKeys: 6 }).map((value) => JSON.stringify(value))
  const changed = fc
    .record({ fields: fc.dictionary(name, field, { minKeys: 1, maxKeys: 2 }), drop: name })
    .map(({ fields, drop }) => JSON.stringify({ ...good, [drop]: undefined, ...fields }))
  const bodies = fc.oneof(fc.string(), fc.json(), objects, changed)
  const posts = operations.filter((spec) => spec.body !== undefined && spec.answer.status > 0)

  it('never gives 5xx, and nothing but JSON', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...posts), bodies, async (spec, body) => {
        const path = spec.path.replace('{id}', 'p0-99')
        const type = spec.body?.contentType ?? 'application/json'
        const answer = await kit.call(spec.method, path, {
          body,
          key: `fuzz-${Math.random()}`,
          headers: { 'content-type': type },
        })
        expect(answer.status).toBeLessThan(500)
        if (answer.status >= 400) expectSomeProblem(answer)
        else if (spec.id !== 'payBatch') expect(answer.body).toBeTypeOf('object')
      }),
      { numRuns: 600 },
    )
    // What the fuzz paid goes back, so that the account is as it was.
    const { available } = await kit.bank.account('alice')
    if (available < 1_000_000) {
      const amount = 1_000_000 - available
      await kit.bank.deposit({ account: 'alice', amount, currency: 'CNY', idempotencyKey: 'back' })
    } else if (available > 1_000_000) {
      const amount = available - 1_000_000
      await kit.bank.withdraw({ account: 'alice', amount, currency: 'CNY', idempotencyKey: 'off' })
    }
  })

  it('takes any path and query', async () => {
    await fc.assert(
      fc.asyncProperty(fc.webPath(), fc.webQueryParameters(), async (path, query) => {
        const answer = await kit.get(`/v1/accounts${path.replaceAll('?', '')}?${query}`)
        expect(answer.status).toBeLessThan(500)
        if (answer.status >= 400) expectSomeProblem(answer)
      }),
      { numRuns: 200 },
    )
  })
})
