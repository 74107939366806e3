/** Which requests are read directly, and that they are read as Node's parser reads them. */
import { createServer, type IncomingMessage } from 'node:http'
import { createConnection, type AddressInfo } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readDirectRequest } from './request-head.js'

const body = '{"payer":"a","payee":"m","amount":1,"currency":"CNY"}'
const usual = [
  'Host: localhost',
  'Content-Type: application/json',
  'Idempotency-Key: order-42',
  `Content-Length: ${body.length}`,
]

function requestOf(headers: readonly string[], text = body): Buffer {
  return Buffer.from(
    `POST /v1/payments HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n${text}`,
    'latin1',
  )
}

const without = (name: string): string[] => usual.filter((line) => !line.startsWith(name))

describe('a direct request', () => {
  it('is a payment with its headers in any order, spelling and company', () => {
    const bytes = requestOf([
      'user-agent:  someone/1.0 (x; y)',
      'accept: */*',
      'IDEMPOTENCY-KEY: \t order 42, "really" \t',
      'x-empty:',
      'connection: Keep-Alive',
      'authorization: Bearer suanpan_x',
      'content-type: application/json; charset=UTF-8',
      `content-length:${body.length}`,
      'host: 127.0.0.1:7400',
    ])
    expect(readDirectRequest(bytes)).toMatchObject({
      host: '127.0.0.1:7400',
      authorization: 'Bearer suanpan_x',
      idempotencyKey: 'order 42, "really"',
      bodyStart: bytes.length - body.length,
    })
  })

  it.each([
    ['no host', requestOf(without('Host'))],
    ['no key', requestOf(without('Idempotency-Key'))],
    ['an empty key', requestOf([...without('Idempotency-Key'), 'idempotency-key: '])],
    ['a key with a tab', requestOf([...without('Idempotency-Key'), 'idempotency-key: a\tb'])],
    [
      'too long a key',
      requestOf([...without('Idempotency-Key'), `idempotency-key: ${'k'.repeat(256)}`]),
    ],
    ['a key beyond ASCII', requestOf([...without('Idempotency-Key'), 'idempotency-key: \xe9'])],
    ['no length', requestOf(without('Content-Length'))],
    ['no type', requestOf(without('Content-Type'))],
    ['another type', requestOf([...without('Content-Type'), 'content-type: text/plain'])],
    ['two hosts', requestOf([...usual, 'host: localhost'])],
    ['two keys', requestOf([...usual, 'idempotency-key: order-42'])],
    ['two lengths', requestOf([...usual, `content-length: ${body.length}`])],
    ['two types', requestOf([...usual, 'content-type: application/json'])],
    ['two authorizations', requestOf([...usual, 'authorization: a', 'authorization: b'])],
    ['two connections', requestOf([...usual, 'connection: keep-alive', 'connection: keep-alive'])],
    [
      'a length with a sign',
      requestOf([...without('Content-Length'), `content-length: +${body.length}`]),
    ],
    [
      'a length with zeros',
      requestOf([...without('Content-Length'), `content-length: 0${body.length}`]),
    ],
    ['a body still on its way', requestOf(usual, body.slice(1))],
    ['bytes behind the body', requestOf(usual, `${body}\n`)],
    ['a head still on its way', requestOf(usual, '').subarray(0, -2)],
    ['chunks', requestOf([...usual, 'transfer-encoding: chunked'])],
    ['an expectation', requestOf([...usual, 'expect: 100-continue'])],
    ['an upgrade', requestOf([...usual, 'connection: upgrade', 'upgrade: h2c'])],
    ['a connection to be closed', requestOf([...usual, 'connection: close'])],
    ['a connection of a proxy', requestOf([...usual, 'proxy-connection: close'])],
    ['a folded header', requestOf(['x-a: b', ' c', ...usual])],
    ['a blank before the colon', requestOf(['x-a : b', ...usual])],
    ['no name', requestOf([': b', ...usual])],
    ['no colon', requestOf(['x-a', ...usual])],
    ['a lone line feed', requestOf(['x-a: b\nx-c: d', ...usual])],
    ['a lone carriage return', requestOf(['x-a: b\rx-c: d', ...usual])],
    ['a zero byte', requestOf(['x-a: b\0', ...usual])],
    ['a long head', requestOf([`x-a: ${'b'.repeat(4_096)}`, ...usual])],
  ])('is not one with %s', (_what, bytes) => {
    expect(readDirectRequest(bytes)).toBeUndefined()
  })

  it.each([
    'post /v1/payments HTTP/1.1',
    'POST /v1/payments?a HTTP/1.1',
    'POST /v1/payments HTTP/1.0',
  ])('does not begin with %s', (line) => {
    const text = requestOf(usual).toString('latin1')
    const bytes = Buffer.from(text.replace('POST /v1/payments HTTP/1.1', line), 'latin1')
    expect(readDirectRequest(bytes)).toBeUndefined()
  })
})

interface Seen {
  readonly host: string | undefined
  readonly authorization: string | undefined
  readonly idempotencyKey: string | string[] | undefined
  readonly body: string
}

describe('D1: Node reads what is read here', () => {
  const seen: Seen[] = []
  const server = createServer((request: IncomingMessage, response) => {
    const { host, authorization } = request.headers
    let text = ''
    request.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
    request.on('end', () => {
      const idempotencyKey = request.headers['idempotency-key']
      seen.push({ host, authorization, idempotencyKey, body: text })
      response.end()
    })
  })
  beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)))
  afterAll(() => server.close())

  /** What Node's server makes of bytes that a client sends before it says no more. */
  async function nodeReads(bytes: Buffer): Promise<Seen[]> {
    seen.length = 0
    const { port } = server.address() as AddressInfo
    await new Promise<void>((resolve) => {
      const socket = createConnection({ host: '127.0.0.1', port }, () => socket.end(bytes))
      socket.on('error', () => undefined).on('close', () => resolve())
      socket.resume()
    })
    return [...seen]
  }

  const header = fc.oneof(
    fc.constantFrom(...usual, 'x-a: b', 'authorization: x', 'Connection: keep-alive', ''),
    fc.constantFrom('Host:', 'Content-Length: 5', 'Transfer-Encoding: chunked', ' folded', 'te: x'),
  )
  const mutation = fc.record({ at: fc.nat(), byte: fc.nat(255), remove: fc.nat(2) })

  it('as one request of the same headers and body, whatever is done to its bytes', async () => {
    let accepted = 0
    const requests = fc.record({
      headers: fc.oneof(fc.shuffledSubarray(usual, { minLength: 4 }), fc.array(header)),
      mutations: fc.array(mutation, { maxLength: 2 }),
    })
    await fc.assert(
      fc.asyncProperty(requests, async ({ headers, mutations }) => {
        let bytes = requestOf(headers)
        for (const { at, byte, remove } of mutations) {
          const place = at % bytes.length
          const rest = bytes.subarray(place + remove)
          bytes = Buffer.concat([bytes.subarray(0, place), Buffer.from([byte]), rest])
        }
        const read = readDirectRequest(bytes)
        if (read === undefined) return
        accepted++
        const { host, authorization, idempotencyKey, bodyStart } = read
        const text = bytes.toString('latin1', bodyStart)
        expect(await nodeReads(bytes)).toEqual([
          { host, authorization, idempotencyKey, body: text },
        ])
      }),
      { numRuns: 1_000 },
    )
    expect(accepted).toBeGreaterThan(100)
  })
})
