/** The batch over HTTP: order, lines that stand alone, bounds, backpressure, broken connections. */
import { request as httpRequest } from 'node:http'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GatewayKit } from '../testing/gateway-kit.js'
import { bytesReadFrom } from '../testing/server-sockets.js'
import { batchContentType } from './batch.js'

let kit: GatewayKit
const currency = 'CNY'
const accounts = 16

beforeAll(async () => {
  kit = await GatewayKit.start({ batchWindowLines: 64 })
  for (let i = 0; i < accounts; i++) await kit.open(`a${i}`, 1_000_000)
  await kit.openMerchant('shop')
})

afterAll(async () => {
  expect(kit.errors).toEqual([])
  await kit.stop()
})

interface Line {
  readonly id?: string
  readonly code?: string
  readonly status: string | number
  readonly detail?: string
  readonly line?: number
  readonly amount?: number
  readonly payer?: string
  readonly idempotentReplayed?: true
}

const line = (key: string, fields: object = {}): string =>
  JSON.stringify({
    payer: 'a0',
    payee: 'shop',
    amount: 1,
    currency,
    idempotencyKey: key,
    ...fields,
  })

async function send(body: string | Uint8Array): Promise<Line[]> {
  const answer = await kit.call('POST', '/v1/payments/batch', {
    body,
    headers: { 'content-type': batchContentType },
  })
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toBe(batchContentType)
  if (answer.text === '') return []
  expect(answer.text.endsWith('\n')).toBe(true)
  return answer.text
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text) as Line)
}

describe('a batch', () => {
  it('N1, N2: answers every line in order, and only those that are wrong with a problem', async () => {
    const answers = await send(
      [
        line('n1'),
        '',
        'no JSON',
        line('n2', { amount: 2 }),
        '   \t\r',
        line('n3', { amount: 0 }),
        line('n4', { payer: 'nobody' }),
        '[]',
        line('n5', { idempotencyKey: undefined }),
        line('n6', { idempotencyKey: '' }),
        line('n1', { amount: 9 }),
        `${line('n1')}\r`,
        line('n7', { payer: 'shop', payee: 'merchant/shop', amount: 7 }),
        line('n8', { payer: 'account/a1', payee: 'account/a0', amount: 8 }),
      ].join('\n'),
    )
    expect(answers.map(({ code, amount, line: at }) => code ?? [amount, at])).toEqual([
      [1, undefined],
      'invalid_request',
      [2, undefined],
      'invalid_request',
      'account_not_found',
      'invalid_request',
      'idempotency_key_missing',
      'invalid_request',
      'idempotency_conflict',
      [1, undefined],
      'account_not_found',
      [8, undefined],
    ])
    expect(answers[1]).toEqual({
      type: 'urn:suanpan:problem:invalid_request',
      title: 'Invalid request',
      status: 400,
      detail: 'The line is no JSON.',
      code: 'invalid_request',
      retryable: false,
      outcome: 'not_executed',
      line: 3,
    })
    expect(answers[5]).toMatchObject({ detail: 'The line must be a JSON object.', line: 8 })
    expect(answers[9]).toMatchObject({ id: answers[0]!.id, idempotentReplayed: true })
    expect(answers[0]).not.toHaveProperty('idempotentReplayed')
  })

  it('repeats refusals with their keys', async () => {
    const [first, again] = await send([1, 2].map(() => line('much', { amount: 9e15 })).join('\n'))
    expect(first).toMatchObject({ code: 'insufficient_funds', line: 1 })
    expect(again).toEqual({ ...first, line: 2, idempotentReplayed: true })
  })

  it('takes nothing, one line without an end, and only blank lines', async () => {
    expect(await send('')).toEqual([])
    expect(await send('\n\n \n')).toEqual([])
    expect(await send(line('one'))).toHaveLength(1)
  })

  it('survives lines that are too long or no UTF-8', async () => {
    const bytes = Buffer.concat([
      Buffer.from(`${line('l1')}\n{"memo":"`),
      Buffer.alloc(300_000, 0x78),
      Buffer.from(`"}\n${line('l2')}\n`),
      Buffer.from([0x7b, 0xff, 0xfe, 0x0a]),
      Buffer.from(`${line('l3')}\n${line('l4', { memo: 'y'.repeat(17_000) })}\n${line('l5')}`),
    ])
    const answers = await send(bytes)
    expect(answers.map(({ code, detail }) => (code === undefined ? 'done' : detail))).toEqual([
      'done',
      'The line is longer than 16384 bytes.',
      'done',
      'The line is not UTF-8.',
      'done',
      'The line is longer than 16384 bytes.',
      'done',
    ])
  })

  it('keeps the order of thousands of lines over many shards, and pays each once', async () => {
    const lines = Array.from({ length: 3_000 }, (_, i) =>
      line(`many-${i}`, { payer: `a${i % accounts}`, amount: 1 + (i % 7) }),
    ).join('\n')
    const before = (await kit.bank.merchant('shop')).available
    const first = await send(lines)
    expect(first.map(({ payer, amount }) => [payer, amount])).toEqual(
      Array.from({ length: 3_000 }, (_, i) => [`account/a${i % accounts}`, 1 + (i % 7)]),
    )
    expect(new Set(first.map(({ id }) => id)).size).toBe(3_000)
    const sum = first.reduce((total, { amount }) => total + amount!, 0)
    expect((await kit.bank.merchant('shop')).available).toBe(before + sum)
    const again = await send(lines)
    expect(again.map(({ id }) => id)).toEqual(first.map(({ id }) => id))
    expect(again.every(({ idempotentReplayed }) => idempotentReplayed)).toBe(true)
    expect((await kit.bank.merchant('shop')).available).toBe(before + sum)
  })
})

/** A batch request that is written and read by hand. */
function openBatch() {
  const { hostname, port } = new URL(kit.gateway.address)
  const outgoing = httpRequest({
    host: hostname,
    port,
    method: 'POST',
    path: '/v1/payments/batch',
    headers: { 'content-type': batchContentType },
  })
  outgoing.on('error', () => undefined)
  return outgoing
}

describe('the stream', () => {
  it('answers while the request is still being sent', async () => {
    const outgoing = openBatch()
    outgoing.write(`${line('live-1')}\n`)
    const [incoming] = (await once(outgoing, 'response')) as [AsyncIterable<Buffer>]
    const reader = incoming[Symbol.asyncIterator]()
    expect(String((await reader.next()).value)).toMatch(/"status":"settled".*\n$/)
    outgoing.write(`${line('live-2')}\n`)
    expect(String((await reader.next()).value)).toMatch(/"status":"settled".*\n$/)
    outgoing.end()
    expect((await reader.next()).done).toBe(true)
  })

  it('N3: stops reading while nobody reads the answers', async () => {
    const outgoing = openBatch()
    let written = 0
    const chunk = Array.from({ length: 100 }, () => line('same', { memo: 'm'.repeat(200) })).join(
      '\n',
    )
    // Far more than all buffers on the way: it must block, or memory would have no bound.
    const chunksMax = 2_000
    let blocked = false
    outgoing.once('response', (incoming) => incoming.pause())
    while (!blocked && written < chunksMax) {
      written++
      if (outgoing.write(`${chunk}\n`)) continue
      const drained = once(outgoing, 'drain').then(() => true)
      // Slow is not blocked: that is where nothing at all is read any more.
      for (let read = -1, goesOn = false; !goesOn && !blocked;) {
        const before = read
        read = outgoing.socket === null ? 0 : bytesReadFrom(outgoing.socket)
        blocked = read > 0 && read === before
        const late = new Promise<false>((resolve) => setTimeout(resolve, 1_500, false))
        if (!blocked) goesOn = await Promise.race([drained, late])
      }
    }
    expect(blocked).toBe(true)
    expect(bytesReadFrom(outgoing.socket!)).toBeLessThan(written * chunk.length)
    outgoing.destroy()
    expect((await kit.get('/healthz')).status).toBe(200)
  })

  it('N4: a client that goes away leaves what was read done, and the gateway well', async () => {
    const outgoing = openBatch()
    outgoing.write(`${line('gone-1')}\n${line('gone-2').slice(0, 20)}`)
    await once(outgoing, 'response')
    outgoing.destroy()
    const [done] = await send(line('gone-1'))
    expect(done).toMatchObject({ status: 'settled', idempotentReplayed: true })
  })
})
