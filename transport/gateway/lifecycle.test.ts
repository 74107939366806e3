/** Starting, draining, closing; slow and silent clients. */
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { Bank, PaymentView, Reply } from '../../actors/index.js'
import { gatewayLimits } from './limits.js'
import { failingBank } from './testing/failing-bank.js'
import { GatewayKit } from './testing/gateway-kit.js'
import { settledPayment } from './testing/settled-payment.js'
import { createGateway, type GatewayOptions } from './index.js'

/** A gateway whose bank answers payments when the test says so. */
async function withSlowBank(options: Partial<GatewayOptions> = {}) {
  const waiting: (() => void)[] = []
  const failing = failingBank(() => new Error('not asked'))
  const pay = () =>
    new Promise<Reply<PaymentView>>((resolve) => {
      waiting.push(() => resolve({ value: settledPayment, replayed: false }))
    })
  const bank: Bank = { ...failing, keyed: { ...failing.keyed, pay } }
  const gateway = createGateway({
    bank,
    ops: {
      ready: () => true,
      metrics: () => [],
      quarantined: () => Promise.resolve([]),
      release: () => Promise.resolve(),
    },
    port: 0,
    processMetrics: false,
    ...options,
  })
  const base = new URL(await gateway.listen())
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const send = (method: string, path: string, body = ''): Promise<IncomingMessage> => {
    const headers = { 'content-type': 'application/json', 'idempotency-key': 'k' }
    const outgoing = httpRequest({
      host: base.hostname,
      port: base.port,
      agent,
      method,
      path,
      headers,
    })
    outgoing.end(body)
    return once(outgoing, 'response').then(([incoming]) => incoming as IncomingMessage)
  }
  const sendPayment = () =>
    send('POST', '/v1/payments', '{"payer":"a","payee":"m","amount":1,"currency":"CNY"}')
  const atWork = () => expect.poll(() => waiting.length, { interval: 5 }).toBeGreaterThan(0)
  const answer = () => waiting.splice(0).forEach((release) => release())
  return { gateway, send, sendPayment, atWork, answer }
}

describe('closing', () => {
  it('answers what is at work, says Connection: close, accepts no more', async () => {
    const { gateway, sendPayment, atWork, answer } = await withSlowBank()
    const { address } = gateway
    const response = sendPayment()
    await atWork()
    let closed = false
    const closing = gateway.close().then(() => (closed = true))
    await expect(fetch(`${address}/healthz`)).rejects.toThrow()
    expect(closed).toBe(false)
    answer()
    const { statusCode, headers } = await response
    expect([statusCode, headers.connection]).toEqual([201, 'close'])
    await closing
    await gateway.close()
  })

  it('refuses a request whose last byte comes while it closes', async () => {
    const { gateway, sendPayment, atWork, answer } = await withSlowBank()
    const { hostname, port } = new URL(gateway.address)
    const socket = createConnection({ host: hostname, port: Number(port) })
    let text = ''
    socket.on('data', (chunk) => (text += chunk.toString()))
    socket.write('GET /v1/audit HTTP/1.1\r\nhost: localhost\r\n')
    const response = sendPayment()
    await atWork()
    const closing = gateway.close()
    socket.write('\r\n')
    await once(socket, 'close')
    expect(text).toMatch(/^HTTP\/1\.1 503 .*"code":"not_ready"/s)
    expect(text).toMatch(/^connection: close\r$/im)
    expect(text).toMatch(/^retry-after: 1\r$/im)
    answer()
    expect((await response).statusCode).toBe(201)
    await closing
  })

  it('cuts what takes longer than drainMs', async () => {
    const { gateway, sendPayment, atWork } = await withSlowBank({ drainMs: 100 })
    const response = sendPayment()
    await atWork()
    const started = performance.now()
    await Promise.all([gateway.close(), expect(response).rejects.toThrow()])
    expect(performance.now() - started).toBeLessThan(gatewayLimits.drainMs)
  })

  it('starts once, and knows its address from then on', async () => {
    const { gateway } = await withSlowBank()
    expect(gateway.address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    await gateway.close()
  })
})

describe('slow clients', () => {
  it('gives a request that does not arrive in time a 408', async () => {
    const kit = await GatewayKit.start({ requestTimeoutMs: 500 })
    const answer = await kit.raw(
      'POST /v1/payments HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{',
      gatewayLimits.connectionCheckMs * 3 + 5_000,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 408 .*"code":"request_timeout"/s)
    await kit.stop()
  })
})
