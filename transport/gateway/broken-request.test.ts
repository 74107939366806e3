/** Broken bytes on a connection that is paying: what is answered stays true, and nothing more is said. */
import { createConnection, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Bank, PaymentView, Reply } from '../../actors/index.js'
import { batchContentType } from './batch/batch.js'
import { failingBank } from './testing/failing-bank.js'
import { GatewayKit } from './testing/gateway-kit.js'
import { settledPayment } from './testing/settled-payment.js'

const payment = { payer: 'alice', payee: 'shop', amount: 1, currency: 'CNY' }
const body = JSON.stringify(payment)

function requestOf(key: string, length = body.length): string {
  return (
    `POST /v1/payments HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n` +
    `Idempotency-Key: ${key}\r\nContent-Length: ${length}\r\n\r\n${body}`
  )
}

const linesOf = (...keys: string[]): string =>
  keys.map((idempotencyKey) => `${JSON.stringify({ ...payment, idempotencyKey })}\n`).join('')

const batchHead = (framing: string): string =>
  `POST /v1/payments/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${batchContentType}\r\n${framing}\r\n\r\n`

const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`

const chunkedPayment =
  'POST /v1/payments HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n' +
  `Idempotency-Key: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${chunk(body)}`

const largeHead = `GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`
const connect = 'CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n'

/** Each answer's status. */
const statuses = (text: string): string[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status!)

const settled = (text: string): number => text.split('"status":"settled"').length - 1

function expectCut(text: string, answered: number): void {
  expect(statuses(text)).toEqual(['200'])
  expect(settled(text)).toBe(answered)
  expect(text).not.toContain('not_executed')
  // The chunk that ends a whole answer.
  expect(text).not.toMatch(/0\r\n\r\n$/)
}

/** A client that sends when it is told to. */
class Client {
  readonly socket: Socket
  text = ''
  private readonly closed: Promise<void>

  constructor(kit: GatewayKit) {
    const { hostname, port } = new URL(kit.gateway.address)
    const socket = createConnection({ host: hostname, port: Number(port), noDelay: true })
    this.socket = socket
    socket.on('data', (bytes) => (this.text += bytes.toString()))
    socket.on('error', () => undefined)
    this.closed = new Promise((resolve) => socket.on('close', () => resolve()))
  }

  async end(): Promise<string> {
    await this.closed
    return this.text
  }
}

describe('X1, X2: what is at work is answered, and the connection ends', () => {
  let kit: GatewayKit
  beforeAll(async () => {
    kit = await GatewayKit.start()
    await kit.open('alice', 1_000)
    await kit.openMerchant('shop')
  })
  afterAll(async () => {
    expect(kit.errors).toEqual([])
    await kit.stop()
  })

  const spent = async () => (await kit.bank.account('alice')).debitsPosted

  it.each([
    ['a payment', requestOf('last-1'), 1],
    ['a payment in chunks', `${chunkedPayment.replace(': chunked', ': last-2')}0\r\n\r\n`, 1],
    ['two payments at once', requestOf('last-3') + requestOf('last-4'), 2],
    [
      'a batch',
      batchHead(`Content-Length: ${linesOf('l1', 'l2', 'l3').length}`) + linesOf('l1', 'l2', 'l3'),
      3,
    ],
  ])('G1: %s of a client that sends nothing more: all is answered', async (_, bytes, count) => {
    const before = await spent()
    const client = new Client(kit)
    client.socket.end(bytes)
    const text = await client.end()
    expect(settled(text)).toBe(count)
    expect(text).not.toContain('not_executed')
    expect(await spent()).toBe(before + count)
  })

  it.each([
    ['one byte more than its length', 'x', 1],
    ['what is no HTTP', 'GARBAGE\r\n\r\n', 1],
    ['too large headers', largeHead, 1],
    ['a tunnel', connect, 1],
    ['another payment, and what is no HTTP', `${requestOf('second')}GARBAGE\r\n\r\n`, 2],
  ])('a payment, and behind it %s', async (what, behind, count) => {
    const before = await spent()
    const text = await kit.raw(requestOf(`behind ${what}`) + behind)
    expect(statuses(text)).toEqual(new Array(count).fill('201'))
    expect(text).not.toContain('not_executed')
    expect(text.match(/^Connection: close\r$/gim)).toHaveLength(1)
    expect(await spent()).toBe(before + count)
  })

  it('a payment, and behind it one whose body breaks: each has its own answer', async () => {
    const before = await spent()
    const text = await kit.raw(`${requestOf('first')}${chunkedPayment}zz\r\n`)
    expect(statuses(text)).toEqual(['201', '400'])
    expect(text).toMatch(/"code":"invalid_request"[^}]*"outcome":"not_executed"\}$/)
    expect(await spent()).toBe(before + 1)
  })

  it.each([
    ['a bad chunk', `${chunkedPayment}zz\r\n`, '400'],
    [
      'headers behind the body that are too large',
      `${chunkedPayment}0\r\nX: ${'y'.repeat(20_000)}`,
      '431',
    ],
  ])('a body that breaks in %s is refused, and not done', async (_what, bytes, status) => {
    const before = await spent()
    const text = await kit.raw(bytes)
    expect(statuses(text)).toEqual([status])
    expect(text).toMatch(/^connection: close\r$/im)
    expect(text).toContain('"outcome":"not_executed"')
    expect(await spent()).toBe(before)
  })

  it('a body that ends before its length, by a client that still reads, is refused', async () => {
    const before = await spent()
    const client = new Client(kit)
    client.socket.end(requestOf('short', body.length + 1))
    const text = await client.end()
    expect(statuses(text)).toEqual(['400'])
    expect(await spent()).toBe(before)
  })

  it('a request that needs no body is answered, however its body breaks', async () => {
    const text = await kit.raw(
      'GET /v1/accounts/alice HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    )
    expect(statuses(text)).toEqual(['200'])
    expect(text).toMatch(/^Connection: close\r$/im)
  })

  it('a tunnel alone is refused', async () => {
    const text = await kit.raw(connect)
    expect(statuses(text)).toEqual(['405'])
    expect(text).toMatch(/^allow: GET, HEAD, POST, PUT\r$/m)
    expect(text).toContain('"code":"method_not_allowed"')
  })

  it('N5: a batch that breaks in a chunk answers the lines it had, and is cut', async () => {
    const before = await spent()
    const text = await kit.raw(
      `${batchHead('Transfer-Encoding: chunked')}${chunk(`${linesOf('b1', 'b2', 'b3')}{"payer"`)}zz\r\n`,
    )
    expectCut(text, 3)
    expect(await spent()).toBe(before + 3)
  })

  it('N5: a batch that breaks when some of it was answered', async () => {
    const client = new Client(kit)
    client.socket.write(batchHead('Transfer-Encoding: chunked') + chunk(linesOf('c1', 'c2')))
    await expect.poll(() => settled(client.text)).toBe(2)
    client.socket.write(`${chunk(linesOf('c3'))}zz\r\nand more\r\n`)
    expectCut(await client.end(), 3)
  })

  it('N5: a batch that is shorter than its length, by a client that still reads', async () => {
    const before = await spent()
    const lines = linesOf('d1', 'd2')
    const client = new Client(kit)
    // The last line lacks its end: nobody knows whether it is whole.
    client.socket.end(batchHead(`Content-Length: ${lines.length + 50}`) + lines.slice(0, -1))
    expectCut(await client.end(), 1)
    expect(await spent()).toBe(before + 1)
  })

  it('N5: a batch that breaks behind a payment does not take the answer of the payment along', async () => {
    const text = await kit.raw(
      `${requestOf('e1')}${batchHead('Transfer-Encoding: chunked')}${chunk(linesOf('e2'))}zz\r\n`,
    )
    expect(statuses(text)[0]).toBe('201')
    expect(text).not.toContain('not_executed')
    expect(text).not.toMatch(/0\r\n\r\n$/)
  })
})

describe('X1, X2: time', () => {
  /** A gateway with little patience, whose bank answers when the test says so. */
  async function start(options = {}) {
    const waiting: (() => void)[] = []
    const failing = failingBank(() => new Error('not asked'))
    const pay = () =>
      new Promise<Reply<PaymentView>>((resolve) => {
        waiting.push(() => resolve({ value: settledPayment, replayed: false }))
      })
    const bank: Bank = { ...failing, keyed: { ...failing.keyed, pay } }
    const kit = await GatewayKit.start({ bank, ...options })
    const asked = (count: number) => expect.poll(() => waiting.length).toBe(count)
    const answer = () => waiting.splice(0).forEach((release) => release())
    return { kit, asked, answer, waiting }
  }

  /** So long that a look at connections that are too slow has surely been. */
  const looks = { timeout: 15_000 }

  it('a head that comes too slowly behind a payment at work is not answered', looks, async () => {
    const { kit, asked, answer, waiting } = await start({ requestTimeoutMs: 200 })
    const client = new Client(kit)
    client.socket.write(`${requestOf('slow')}POST /v1/payments HTTP/1.1\r\n`)
    await asked(1)
    // Another connection, begun later and just as slow, is told when the look has been.
    const text = await kit.raw('GET /healthz HTTP/1.1\r\n', 10_000)
    expect(statuses(text)).toEqual(['408'])
    expect(client.text).toBe('')
    client.socket.write(requestOf('late').slice('POST /v1/payments HTTP/1.1\r\n'.length))
    answer()
    expect(statuses(await client.end())).toEqual(['201'])
    expect(waiting).toEqual([])
    await kit.stop()
  })

  it('N5: a batch that takes too long answers what it had, and is cut', looks, async () => {
    const { kit, asked, answer } = await start({ requestTimeoutMs: 200 })
    const client = new Client(kit)
    client.socket.write(batchHead('Transfer-Encoding: chunked') + chunk(linesOf('f1', 'f2')))
    await asked(2)
    await kit.raw('GET /healthz HTTP/1.1\r\n', 10_000)
    answer()
    expectCut(await client.end(), 2)
    await kit.stop()
  })

  it('direct: what is broken behind a payment at work waits for its answer', async () => {
    const { kit, asked, answer } = await start()
    const client = new Client(kit)
    client.socket.write(requestOf('direct'))
    await asked(1)
    client.socket.write('GARBAGE\r\n\r\n')
    // What is sent later, by another connection, is read later: the broken bytes are there.
    expect((await kit.get('/healthz')).status).toBe(200)
    expect(client.text).toBe('')
    answer()
    const text = await client.end()
    expect(statuses(text)).toEqual(['201', '400'])
    expect(text.indexOf('"status":"settled"')).toBeLessThan(text.indexOf('HTTP/1.1 400'))
    await kit.stop()
  })

  it('gateway.close ends a connection whose tunnel waits for a payment', async () => {
    const { kit, asked } = await start({ drainMs: 100 })
    const client = new Client(kit)
    client.socket.write(requestOf('never') + connect)
    await asked(1)
    await kit.gateway.close()
    expect(await client.end()).toBe('')
    await kit.stop()
  }, 15_000)
})
