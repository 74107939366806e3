/** Connections that are read directly: the same answers as through the server, and when they are left. */
import { createConnection, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Bank, PaymentView, Reply } from '../../../actors/index.js'
import { Fault, Refused } from '../../../runtime/index.js'
import { gatewayLimits } from '../limits.js'
import { failingBank } from '../testing/failing-bank.js'
import { GatewayKit } from '../testing/gateway-kit.js'
import { bytesReadFrom } from '../testing/server-sockets.js'
import { settledPayment } from '../testing/settled-payment.js'

const pay = { payer: 'alice', payee: 'shop', amount: 5, currency: 'CNY' }

function requestOf(key: string, fields: object = {}, headers: readonly string[] = []): string {
  const body = JSON.stringify({ ...pay, ...fields })
  const head = [
    'POST /v1/payments HTTP/1.1',
    'Host: localhost',
    'Content-Type: application/json',
    `Idempotency-Key: ${key}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...headers,
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

/** A client that sends what it is told and gathers what comes back. */
class Wire {
  readonly socket: Socket
  text = ''
  closed = false
  private sent = 0

  constructor(kit: GatewayKit) {
    const { hostname, port } = new URL(kit.gateway.address)
    this.socket = createConnection({ host: hostname, port: Number(port), noDelay: true })
    this.socket.on('data', (chunk) => (this.text += chunk.toString('utf8')))
    this.socket.on('error', () => undefined)
    this.socket.on('close', () => (this.closed = true))
  }

  /** Sends pieces one after the other: each when the one before was read, so that none are read together. */
  async send(...pieces: string[]): Promise<void> {
    for (const piece of pieces) {
      this.socket.write(piece)
      this.sent += Buffer.byteLength(piece)
      const isRead = (): boolean => this.closed || bytesReadFrom(this.socket) === this.sent
      await expect.poll(isRead, { interval: 1 }).toBe(true)
    }
  }

  /** Waits for so many answers, and takes them. */
  async answers(count: number): Promise<string[]> {
    const found = (): string[] => this.text.split(/(?=HTTP\/1\.1 )/).filter((one) => one !== '')
    await expect.poll(() => found().filter((one) => one.includes('}')).length).toBe(count)
    const answers = found()
    this.text = ''
    return answers
  }

  async close(): Promise<void> {
    await expect.poll(() => this.closed).toBe(true)
  }
}

/** The Date differs from one second to the next. */
const undated = (answer: string | undefined): string | undefined =>
  answer?.replace(/^Date: [^\r]* GMT\r$/m, 'Date: then\r')

/** Cut in two: what does not come in one piece is left to Node's server. */
const halves = (request: string): [string, string] => [request.slice(0, 30), request.slice(30)]

describe('D4: answers are the same as through the server', () => {
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

  it.each([
    ['a payment', {}, true],
    ['a payment on hold', { capture: 'manual', expiresInSeconds: 60 }, true],
    ['a memo that is escaped', { memo: 'order "42" \\ €😀' }, true],
    ['a refusal', { amount: 1_000_000 }, true],
    ['an unknown payer', { payer: 'nobody' }, false],
    ['an unknown payee', { payee: 'nobody' }, false],
    ['what is wrong before the bank is asked', { amount: 0 }, false],
    ['a payer who is the payee', { payee: 'account/alice' }, false],
  ])('%s: first, again, and again by the server', async (what, fields, remembered) => {
    const request = requestOf(`same ${what}`, fields)
    const direct = new Wire(kit)
    await direct.send(request)
    const [first] = await direct.answers(1)
    await direct.send(request)
    const [again] = await direct.answers(1)
    const served = new Wire(kit)
    await served.send(...halves(request))
    const [byServer] = await served.answers(1)
    expect(undated(again)).toBe(undated(byServer))
    expect(again?.includes('idempotent-replayed: true\r\n')).toBe(remembered)
    expect(undated(first)).toBe(undated(again)?.replace('idempotent-replayed: true\r\n', ''))
    direct.socket.destroy()
    served.socket.destroy()
  })

  it('counts them as payments', async () => {
    const before = /payments",status="201",le="\+Inf"\} (\d+)/
    const count = async () => Number(before.exec((await kit.get('/metrics')).text)?.[1])
    const counted = await count()
    const wire = new Wire(kit)
    await wire.send(requestOf('counted'))
    await wire.answers(1)
    expect(await count()).toBe(counted + 1)
    wire.socket.destroy()
  })

  it('D2: whatever comes on a connection is answered, and payments after it', async () => {
    const wire = new Wire(kit)
    await wire.send(requestOf('mixed-1'))
    await wire.send('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await wire.send(requestOf('mixed-2'))
    const answers = await wire.answers(3)
    expect(answers.map((one) => one.slice(9, 12))).toEqual(['201', '200', '201'])
    wire.socket.destroy()
  })

  it('D2: requests that do not wait for answers are all answered, in order', async () => {
    const wire = new Wire(kit)
    const payments = [1, 2, 3, 4, 5].map((amount) => requestOf(`pipelined-${amount}`, { amount }))
    await wire.send(payments[0]!)
    wire.socket.write(payments[1]!)
    wire.socket.write(payments[2]!)
    wire.socket.write(payments[3]! + payments[4]!)
    const answers = await wire.answers(5)
    expect(answers.map((one) => /"amount":(\d)/.exec(one)?.[1])).toEqual(['1', '2', '3', '4', '5'])
    wire.socket.destroy()
  })

  it('D2: a request in any two pieces is one request', async () => {
    for (const at of [1, 27, 60, 120, 180]) {
      const request = requestOf(`cut-${at}`)
      const wire = new Wire(kit)
      await wire.send(requestOf(`whole-${at}`))
      await wire.send(request.slice(0, at), request.slice(at))
      expect((await wire.answers(2)).map((one) => one.slice(9, 12))).toEqual(['201', '201'])
      wire.socket.destroy()
    }
  })

  it('answers a client that says at once that it sends no more, and ends the connection', async () => {
    const wire = new Wire(kit)
    wire.socket.end(requestOf('half-closed'))
    await wire.close()
    expect(wire.text).toMatch(/^HTTP\/1\.1 201 Created\r\n.*\r\nConnection: close\r\n\r\n\{/s)
  })

  it('refuses other hosts than loopback', async () => {
    const wire = new Wire(kit)
    await wire.send(requestOf('foreign').replace('Host: localhost', 'Host: example.org'))
    expect((await wire.answers(1))[0]).toMatch(/^HTTP\/1\.1 403 .*"code":"forbidden"/s)
    wire.socket.destroy()
  })
})

describe('trouble', () => {
  /** A gateway whose bank does what the test says. */
  async function start(pay: () => Promise<Reply<PaymentView>>, options = {}): Promise<GatewayKit> {
    const failing = failingBank(() => new Error('not asked'))
    const bank: Bank = { ...failing, keyed: { ...failing.keyed, pay } }
    return GatewayKit.start({ bank, ...options })
  }

  it.each([
    [new Fault('overloaded'), 'HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n', 0],
    [new Fault('outcome_unknown'), 'HTTP/1.1 504 Gateway Timeout\r\n', 0],
    [new Fault('actor_failed'), 'HTTP/1.1 500 Internal Server Error\r\n', 1],
    [new Refused('risk_denied', 'No.'), 'HTTP/1.1 422 Unprocessable Entity\r\n', 0],
    [new TypeError('a bug'), 'HTTP/1.1 500 Internal Server Error\r\n', 1],
  ])('%s is a problem, and a bug is reported', async (error, beginning, reported) => {
    const kit = await start(() => Promise.reject(error))
    const wire = new Wire(kit)
    await wire.send(requestOf('k'))
    const [direct] = await wire.answers(1)
    expect(direct?.startsWith(`${beginning}content-type: application/problem+json\r\n`)).toBe(true)
    await wire.send(...halves(requestOf('k')))
    expect(undated((await wire.answers(1))[0])).toBe(undated(direct))
    expect(kit.errors).toHaveLength(reported * 2)
    wire.socket.destroy()
    await kit.stop()
  })

  it('G1: a connection that breaks while its request is at work troubles nobody', async () => {
    const releases: (() => void)[] = []
    const kit = await start(
      () =>
        new Promise((resolve) =>
          releases.push(() => resolve({ value: settledPayment, replayed: false })),
        ),
    )
    const wire = new Wire(kit)
    await wire.send(requestOf('k'))
    await expect.poll(() => releases.length).toBe(1)
    wire.socket.resetAndDestroy()
    await wire.close()
    releases.forEach((release) => release())
    expect((await kit.get('/healthz')).status).toBe(200)
    await kit.stop()
  })

  it('D5: a connection that never says anything gets a 408', async () => {
    const kit = await start(() => Promise.reject(new Error('not asked')), { requestTimeoutMs: 300 })
    const answer = await kit.raw('', gatewayLimits.connectionCheckMs * 3 + 5_000)
    expect(answer).toMatch(/^HTTP\/1\.1 408 .*"code":"request_timeout"/s)
    await kit.stop()
  })

  it('D5: a connection that is idle for too long is closed', async () => {
    const kit = await start(() => Promise.resolve({ value: settledPayment, replayed: false }), {
      keepAliveMs: 100,
    })
    const wire = new Wire(kit)
    await wire.send(requestOf('k'))
    expect((await wire.answers(1))[0]).toContain('\r\nKeep-Alive: timeout=0\r\n')
    await wire.close()
    await kit.stop()
  })

  it('closing: idle connections end, silent ones are told, what is at work is answered', async () => {
    const releases: (() => void)[] = []
    const kit = await start(
      () =>
        new Promise((resolve) =>
          releases.push(() => resolve({ value: settledPayment, replayed: false })),
        ),
    )
    const [idle, silent, busy] = [new Wire(kit), new Wire(kit), new Wire(kit)]
    const isAtWork = () => expect.poll(() => releases.length).toBe(1)
    await idle.send(requestOf('idle'))
    await isAtWork()
    releases.splice(0).forEach((release) => release())
    await idle.answers(1)
    await busy.send(requestOf('busy'))
    await isAtWork()
    const closing = kit.gateway.close()
    await idle.close()
    await silent.send(requestOf('silent'))
    await silent.close()
    expect(silent.text).toMatch(/^HTTP\/1\.1 503 .*"code":"not_ready"/s)
    releases.forEach((release) => release())
    await busy.close()
    expect(busy.text).toMatch(/^HTTP\/1\.1 201 Created\r\n.*\r\nConnection: close\r\n\r\n\{/s)
    await closing
    await kit.stop()
  })
})
