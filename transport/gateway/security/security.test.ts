/** Who may do what: keys, scopes, and the matrix of operation × key × owner. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { operations } from '../gateway.js'
import {
  createGateway,
  generateApiKey,
  GatewayConfigError,
  readApiKeyFile,
  type ApiKeyRecord,
  type NewApiKey,
} from '../index.js'
import { failingBank } from '../testing/failing-bank.js'
import { GatewayKit, type HttpAnswer } from '../testing/gateway-kit.js'
import { expectProblem } from '../testing/problem-checks.js'

const records: ApiKeyRecord[] = []

function keyWith(wanted: Omit<NewApiKey, 'name'>): string {
  const { key, record } = generateApiKey({ name: `key ${records.length}`, ...wanted })
  records.push(record)
  return key
}

const keys = {
  alice: keyWith({ scopes: ['pay'], payAs: ['account/alice'] }),
  bob: keyWith({ scopes: ['pay'], payAs: ['account/bob'] }),
  shop: keyWith({ scopes: ['pay'], payAs: ['merchant/shop'] }),
  anyone: keyWith({ scopes: ['pay'], payAs: '*' }),
  reader: keyWith({ scopes: ['read'] }),
  operator: keyWith({ scopes: ['operator'] }),
}
type Holder = keyof typeof keys
const holders = Object.keys(keys) as Holder[]

let kit: GatewayKit
let alicePayment = ''
let bobPayment = ''

beforeAll(async () => {
  kit = await GatewayKit.start({ apiKeys: records })
  for (const id of ['alice', 'bob']) await kit.open(id, 1_000_000)
  for (const id of ['shop', 'other-shop']) await kit.openMerchant(id)
  const pay = (payer: string, payee: string) =>
    kit.bank.pay({
      ...{ payer, payee, amount: 1_000, currency: 'CNY', capture: 'manual' },
      idempotencyKey: `held-${payee}`,
    } as const)
  alicePayment = (await pay('alice', 'other-shop')).id
  bobPayment = (await pay('bob', 'other-shop')).id
})

afterAll(async () => {
  expect(kit.errors).toEqual([])
  await kit.stop()
})

const payment = (payer: string, payee = 'shop') => ({ payer, payee, amount: 1, currency: 'CNY' })

/** Who may do each operation to what is alice's, and to what is bob's. */
const matrix: Record<string, { alices: readonly Holder[]; bobs: readonly Holder[] }> = {}
const own = {
  alices: ['alice', 'anyone', 'reader', 'operator'],
  bobs: ['bob', 'anyone', 'reader', 'operator'],
} as const
const paying = { alices: ['alice', 'anyone'], bobs: ['bob', 'anyone'] } as const
const operating = { alices: ['operator'], bobs: ['operator'] } as const
const reading = { alices: ['reader', 'operator'], bobs: ['reader', 'operator'] } as const
for (const { id, access } of operations) {
  if (access === 'pay') matrix[id] = paying
  if (access === 'own') matrix[id] = own
  if (access === 'operator') matrix[id] = operating
  if (access === 'read') matrix[id] = reading
}
// Merchants belong to neither of the two.
const others = ['anyone', 'reader', 'operator'] as const
for (const id of ['getMerchant', 'getMerchantHistory', 'getMerchantBalance']) {
  matrix[id] = { alices: others, bobs: others }
}

// A refund is the payee's, who is neither of the two.
matrix['refundPayment'] = { alices: ['anyone'], bobs: ['anyone'] }

let used = 0

function ask(id: string, who: 'alice' | 'bob', token: string | undefined): Promise<HttpAnswer> {
  const spec = operations.find((operation) => operation.id === id)!
  const target = spec.tag === 'Payments' ? (who === 'alice' ? alicePayment : bobPayment) : who
  const merchant = spec.tag === 'Merchants' ? 'other-shop' : target
  const bodies: Record<string, unknown> = {
    pay: payment(who),
    payBatch: JSON.stringify({ ...payment(who), idempotencyKey: `batch-${used++}` }),
    transfer: { legs: [payment(who)] },
    deposit: { account: who, amount: 1, currency: 'CNY' },
    withdraw: { account: who, amount: 1, currency: 'CNY' },
    openAccount: { id: who, currency: 'CNY' },
    openMerchant: { id: 'shop', currency: 'CNY' },
    setAccountLimits: {},
    setMerchantLimits: {},
    capturePayment: { amount: 1 },
    refundPayment: { amount: 1 },
    releaseFromQuarantine: { address: `account/${who}` },
    makeBackup: { target: '/missing/backup' },
  }
  return kit.call(spec.method, spec.path.replace('{id}', merchant), {
    ...(token === undefined ? {} : { token }),
    key: `matrix-${used++}`,
    ...(bodies[id] === undefined ? {} : { body: bodies[id] }),
    ...(id === 'payBatch' ? { headers: { 'content-type': 'application/x-ndjson' } } : {}),
  })
}

/** True when the answer says that the caller may not; a batch says so line by line. */
function denied(answer: HttpAnswer): boolean {
  return answer.status === 403 || answer.text.includes('"code":"forbidden"')
}

// Ending operations come last, so that those before find everything as it was.
const order = (id: string): number => (/^(freeze|close|void)/.test(id) ? 1 : 0)

describe('D6: where backups are made, that an operator with a key asks for', () => {
  const ask = (of: GatewayKit, target: string) =>
    of.post('/v1/backup', { target }, { token: keys.operator })
  let base = ''

  beforeAll(() => {
    base = mkdtempSync(join(tmpdir(), 'suanpan-backups-'))
  })

  afterAll(() => {
    rmSync(base, { recursive: true })
  })

  it('nowhere, unless a folder is set for them', async () => {
    const target = join(base, 'monday')
    const answer = await ask(kit, target)
    expectProblem(answer, 'backup_unsupported')
    expect(answer.text).toContain('--backups DIR')
    expect(existsSync(target)).toBe(false)
  })

  it('in that folder, and not outside of it, over links neither', async () => {
    const backupsDir = join(base, 'backups')
    const outside = join(base, 'outside')
    for (const folder of [backupsDir, join(backupsDir, 'week'), outside]) mkdirSync(folder)
    symlinkSync(outside, join(backupsDir, 'link'))
    const rooted = await GatewayKit.start({ apiKeys: records, backupsDir })
    try {
      for (const target of [
        join(outside, 'monday'),
        `${backupsDir}/../outside/monday`,
        join(backupsDir, 'link', 'monday'),
        `${backupsDir}-monday`,
        // What is there is nobody's business.
        base,
        '/missing/monday',
      ]) {
        const answer = await ask(rooted, target)
        expectProblem(answer, 'backup_target_invalid')
        expect(answer.text).toContain(`is not in ${backupsDir}, `)
      }
      expect([existsSync(join(outside, 'monday')), existsSync(`${backupsDir}-monday`)]).toEqual([
        false,
        false,
      ])
      for (const target of [join(backupsDir, 'monday'), join(backupsDir, 'week', 'monday')]) {
        expect((await ask(rooted, target)).body).toMatchObject({ state: 'done', target })
      }
      expectProblem(await ask(rooted, backupsDir), 'backup_target_invalid')
    } finally {
      await rooted.stop()
    }
  })
})

describe('the matrix of operations, keys and owners', () => {
  const ids = Object.keys(matrix).sort((a, b) => order(a) - order(b))

  it('covers every operation that is not open to all', () => {
    const open = ['healthz', 'readyz', 'getOpenApi']
    expect(operations.map(({ id }) => id).sort()).toEqual([...ids, ...open].sort())
  })

  it.each(ids)('%s', async (id) => {
    for (const who of ['alice', 'bob'] as const) {
      expectProblem(await ask(id, who, undefined), 'unauthorized')
      const allowed = who === 'alice' ? matrix[id]!.alices : matrix[id]!.bobs
      for (const holder of holders) {
        // The shop's key has nothing to do with alice and bob; operators may not pay.
        const answer = await ask(id, who, keys[holder])
        const may = allowed.includes(holder)
        expect([holder, who, denied(answer), answer.status < 500]).toEqual([
          holder,
          who,
          !may,
          true,
        ])
      }
      if (id === 'freezeAccount') await kit.bank.unfreeze(`account/${who}`)
    }
  })

  it('checks every leg of a transfer and every line of a batch', async () => {
    const legs = [payment('alice'), payment('bob')]
    expectProblem(await kit.post('/v1/transfers', { legs }, { token: keys.alice }), 'forbidden')
    const lines = ['alice', 'account/bob', 'merchant/alice', 'account/alice'].map((payer, i) =>
      JSON.stringify({ ...payment(payer), idempotencyKey: `lines-${i}` }),
    )
    const { text } = await kit.post('/v1/payments/batch', lines.join('\n'), {
      token: keys.alice,
      headers: { 'content-type': 'application/x-ndjson' },
    })
    const answers = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { code?: string })
    expect(answers.map(({ code }) => code)).toEqual([
      undefined,
      'forbidden',
      'forbidden',
      undefined,
    ])
  })

  it('lets payer and payee read a payment, and nobody else', async () => {
    const { id } = await kit.bank.pay({ ...payment('bob'), idempotencyKey: 'for-shop' })
    expect((await kit.get(`/v1/payments/${id}`, { token: keys.shop })).status).toBe(200)
    expectProblem(await kit.get(`/v1/payments/${id}`, { token: keys.alice }), 'forbidden')
  })

  it.each([
    { verb: 'capture', payer: 200, payee: 200 },
    { verb: 'void', payer: 200, payee: 200 },
    { verb: 'refund', payer: 403, payee: 200 },
  ] as const)('W2: $verb: the payer is answered $payer, the payee $payee', async (row) => {
    const { verb } = row
    const hold = { capture: verb === 'refund' ? 'automatic' : 'manual', amount: 10 } as const
    const take = async (token: string): Promise<HttpAnswer> => {
      const idempotencyKey = `w2-${used++}`
      const { id } = await kit.bank.pay({ ...payment('alice'), ...hold, idempotencyKey })
      const answer = await kit.post(`/v1/payments/${id}/${verb}`, {}, { token, key: `${id}-1` })
      const absent = await kit.post(`/v1/payments/p0-zzzz/${verb}`, {}, { token, key: `${id}-2` })
      expectProblem(absent, token === keys.anyone ? 'not_found' : 'forbidden')
      if (answer.status === 403) expect(answer.text).toBe(absent.text)
      return answer
    }
    expect((await take(keys.alice)).status).toBe(row.payer)
    expect((await take(keys.shop)).status).toBe(row.payee)
    expect((await take(keys.anyone)).status).toBe(200)
    for (const other of [keys.bob, keys.reader, keys.operator])
      expectProblem(
        await kit.post(`/v1/payments/${alicePayment}/${verb}`, {}, { token: other }),
        'forbidden',
      )
  })

  it('W2: a payer takes no settled money back, also not with the key that has paid', async () => {
    const token = keys.alice
    const paid = await kit.post('/v1/payments', { ...payment('alice'), amount: 700 }, { token })
    const { id } = paid.body as { id: string }
    const before = await kit.bank.merchant('shop')
    expectProblem(await kit.post(`/v1/payments/${id}/refund`, {}, { token }), 'forbidden')
    expect((await kit.bank.merchant('shop')).available).toBe(before.available)
    const back = await kit.post(`/v1/payments/${id}/refund`, {}, { token: keys.shop })
    expect(back.body).toMatchObject({ id, refunded: 700 })
  })

  it('W1: tells nobody whether what is not theirs exists', async () => {
    const { alice } = keys
    const pairs = [
      ['GET', '/v1/accounts/bob', '/v1/accounts/nobody'],
      ['GET', '/v1/accounts/bob/history', '/v1/accounts/nobody/history'],
      ['GET', '/v1/merchants/shop', '/v1/merchants/none'],
      ['GET', `/v1/payments/${bobPayment}`, '/v1/payments/p0-zzzz'],
      ['POST', `/v1/payments/${bobPayment}/capture`, '/v1/payments/p0-zzzz/capture'],
      ['POST', `/v1/payments/${bobPayment}/void`, '/v1/payments/nonsense/void'],
      ['POST', `/v1/payments/${bobPayment}/refund`, '/v1/payments/p0-zzzz/refund'],
    ] as const
    for (const [method, there, absent] of pairs) {
      const [one, other] = [
        await kit.call(method, there, { token: alice, key: `w1-${used}` }),
        await kit.call(method, absent, { token: alice, key: `w1-${used++}` }),
      ]
      expectProblem(one, 'forbidden')
      expect(other.text).toBe(one.text)
    }
  })
})

describe('API keys', () => {
  it.each([
    ['no scheme', keys.reader],
    ['another scheme', `Basic ${keys.reader}`],
    ['an empty key', 'Bearer '],
    [
      'another secret',
      `Bearer ${keys.reader.slice(0, -1)}${keys.reader.endsWith('A') ? 'B' : 'A'}`,
    ],
    ['another id', `Bearer ${keys.reader.replace(/_.{16}_/, '_0123456789abcdef_')}`],
    ['a hash instead', `Bearer suanpan_${records[0]!.id}_${records[0]!.sha256.slice(0, 43)}`],
    ['too much', `Bearer ${keys.reader}${keys.reader}`],
    ['two keys', `Bearer ${keys.reader}, Bearer ${keys.reader}`],
  ])('%s is nobody', async (_what, authorization) => {
    const answer = await kit.get('/v1/audit', { headers: { authorization } })
    expectProblem(answer, 'unauthorized')
    expect(answer.headers.get('www-authenticate')).toBe(
      'Bearer realm="suanpan", error="invalid_token"',
    )
  })

  it('asks for one before it looks at anything else', async () => {
    const answer = await kit.call('POST', '/v1/payments', { body: 'no JSON' })
    expectProblem(answer, 'unauthorized')
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="suanpan"')
    expect((await kit.get('/healthz')).status).toBe(200)
    expect((await kit.get('/readyz')).status).toBe(200)
    expect((await kit.get('/openapi.json')).status).toBe(200)
    expectProblem(await kit.get('/metrics'), 'unauthorized')
    const headers = { authorization: `bearer  ${keys.reader} ` }
    expect((await kit.get('/metrics', { headers })).status).toBe(200)
  })

  it('are stored without the secret', () => {
    const { key, record } = generateApiKey({ name: 'till', scopes: ['read'] })
    expect(key).toMatch(/^suanpan_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/)
    expect(JSON.stringify(record)).not.toContain(key.slice(25))
    expect(generateApiKey({ name: 'till', scopes: ['read'] }).key).not.toBe(key)
  })

  it('are read from a file, or refused with a sentence', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'suanpan-keys-'))
    const file = join(folder, 'keys.json')
    writeFileSync(file, JSON.stringify({ keys: records }))
    expect(await readApiKeyFile(file)).toEqual(records)
    const [record] = records
    const wrong: [unknown, RegExp][] = [
      ['no JSON', /it is no JSON/],
      [{}, /has no list "keys"/],
      [{ keys: [null] }, /API key number 1 has no id/],
      [{ keys: [{ ...record, id: '../..' }] }, /has no id of 16 hex digits/],
      [{ keys: [{ ...record, sha256: 'abc' }] }, /no sha256/],
      [{ keys: [{ ...record, scopes: ['root'] }] }, /the scope "root"/],
      [{ keys: [{ ...record, scopes: [] }] }, /has no scopes/],
      [{ keys: [{ ...record, payAs: undefined }] }, /needs "payAs"/],
      [{ keys: [{ ...record, payAs: ['alice'] }] }, /pays as "alice", which is no full address/],
    ]
    for (const [content, sentence] of wrong) {
      writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
      await expect(readApiKeyFile(file)).rejects.toThrow(sentence)
    }
    await expect(readApiKeyFile(join(folder, 'none'))).rejects.toThrow(GatewayConfigError)
    rmSync(folder, { recursive: true })
  })
})

describe('where it listens', () => {
  const parts = {
    bank: failingBank(() => new Error('not asked')),
    ops: {
      ready: () => true as const,
      metrics: () => [],
      quarantined: () => Promise.resolve([]),
      release: () => Promise.resolve(),
    },
    port: 0,
  }

  it.each([
    '0.0.0.0',
    '::',
    '192.168.1.5',
    '10.0.0.1',
    '128.0.0.1',
    'example.org',
    '127.0.0.1.example.org',
  ])('refuses to start on %s without keys', (host) => {
    expect(() => createGateway({ ...parts, host })).toThrow(
      expect.objectContaining({ name: 'GatewayConfigError', code: 'api_keys_required' }) as Error,
    )
  })

  it.each(['127.0.0.1', '0.0.0.0'])('refuses an empty list of keys on %s', (host) => {
    expect(() => createGateway({ ...parts, host, apiKeys: [] })).toThrow(
      expect.objectContaining({ name: 'GatewayConfigError', code: 'api_keys_invalid' }) as Error,
    )
    expect(() => createGateway({ ...parts, host, apiKeys: [] })).toThrow(/give at least one key/)
  })

  it('starts on any address with keys, and on loopback without', async () => {
    for (const options of [{ host: '0.0.0.0', apiKeys: records }, { host: '127.0.0.2' }, {}]) {
      const gateway = createGateway({ ...parts, ...options })
      expect(await gateway.listen()).toMatch(/^http:\/\/127\.|^http:\/\/[\d.]+:\d+$/)
      await gateway.close()
    }
  })

  it('says which option is wrong', async () => {
    expect(() => createGateway({ ...parts, port: 70_000 })).toThrow(/^port must be a whole number/)
    expect(() => createGateway({ ...parts, host: '' })).toThrow(/^host must name/)
    expect(() => createGateway({ ...parts, apiKeys: [records[0]!, records[0]!] })).toThrow(
      /Two API/,
    )
    const { port } = new URL(kit.gateway.address)
    await expect(createGateway({ ...parts, port: Number(port) }).listen()).rejects.toMatchObject({
      code: 'address_in_use',
    })
  })

  it('H1: without keys, answers only requests to a loopback name', async () => {
    const open = await GatewayKit.start()
    const { port } = new URL(open.gateway.address)
    const ask = (host: string) =>
      open.raw(`GET /v1/audit HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
    for (const host of ['localhost', `LOCALHOST:${port}`, '127.0.0.1', `[::1]:${port}`]) {
      expect(await ask(host)).toMatch(/^HTTP\/1\.1 200 /)
    }
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      '127.0.0.1.evil.example',
      '[::2]',
    ]) {
      expect(await ask(host)).toMatch(/^HTTP\/1\.1 403 .*"code":"forbidden"/s)
    }
    const named = (target: string, ...hosts: string[]) => {
      const lines = hosts.map((host) => `Host: ${host}\r\n`).join('')
      return open.raw(`GET ${target} HTTP/1.1\r\n${lines}connection: close\r\n\r\n`)
    }
    for (const hosts of [
      ['localhost', 'evil.example'],
      ['evil.example', 'localhost'],
      ['localhost', 'localhost'],
    ]) {
      for (const target of ['/v1/audit', '/healthz', '/nowhere', 'http://localhost/v1/audit']) {
        expect(await named(target, ...hosts)).toMatch(/^HTTP\/1\.1 400 .*one header Host/s)
      }
    }
    for (const name of ['evil.example', 'me@localhost', 'localhost@evil.example', '']) {
      const answer = await named(`http://${name}/v1/audit`, 'localhost')
      expect(answer).toMatch(/^HTTP\/1\.1 (403 .*"code":"forbidden"|400 )/s)
    }
    expect(await named(`http://localhost:${port}/v1/audit`, 'evil.example')).toMatch(/ 200 /)
    await open.stop()
  })
})
