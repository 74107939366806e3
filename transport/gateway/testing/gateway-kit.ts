/**
 * A gateway on a real bank on a real runtime, in a folder of its own, and a client that speaks HTTP to
 * it: what tests of the gateway work with.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { payments, type Bank } from '../../../actors/index.js'
import { createRuntime, type Runtime, type RuntimeOptions } from '../../../runtime/index.js'
import { expectDocumented } from './conformance.js'
import { createGateway, runtimeOps, type Gateway, type GatewayOptions } from '../index.js'

/** Fields of any answer, as a test that knows which answer it holds looks at them. */
export interface TestBody {
  readonly id: string
  readonly kind: string
  readonly status: string
  readonly available: number
  readonly at: string
  readonly limits: object
  readonly account: string
  readonly captured: number
  readonly createdAt: string
  readonly expiresAt: string
  readonly entries: readonly { readonly number: number }[]
  readonly next: number
  readonly currencies: readonly { readonly sum: number }[]
  readonly code: string
  readonly detail: string
  readonly retryable: boolean
  readonly outcome: string
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body, when it is JSON. */
  readonly body: TestBody
}

export interface CallOptions {
  /** An object is sent as JSON, a string or bytes as they are. */
  readonly body?: unknown
  readonly key?: string
  /** API key. */
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
}

let nextKey = 1

export class GatewayKit {
  readonly bank: Bank
  readonly runtime: Runtime
  readonly gateway: Gateway
  /** What was answered as our own bug; tests expect none. */
  readonly errors: unknown[]
  private readonly dataDir: string

  private constructor(
    runtime: Runtime,
    bank: Bank,
    gateway: Gateway,
    errors: unknown[],
    dataDir: string,
  ) {
    this.runtime = runtime
    this.bank = bank
    this.gateway = gateway
    this.errors = errors
    this.dataDir = dataDir
  }

  static async start(
    gatewayOptions: Partial<GatewayOptions> = {},
    runtimeOptions: Partial<RuntimeOptions> = {},
  ): Promise<GatewayKit> {
    const dataDir = mkdtempSync(join(tmpdir(), 'suanpan-gateway-'))
    const runtime = await createRuntime({
      dataDir,
      actors: payments.actors,
      threads: 0,
      shards: 4,
      ...runtimeOptions,
    })
    const bank = payments.client(runtime)
    const errors: unknown[] = []
    const gateway = createGateway({
      bank,
      ops: runtimeOps(runtime),
      port: 0,
      drainMs: 2_000,
      onError: (error) => errors.push(error),
      ...gatewayOptions,
    })
    await gateway.listen()
    return new GatewayKit(runtime, bank, gateway, errors, dataDir)
  }

  async stop(): Promise<void> {
    await this.gateway.close()
    await this.runtime.close()
    rmSync(this.dataDir, { recursive: true, force: true })
  }

  async call(method: string, path: string, options: CallOptions = {}): Promise<HttpAnswer> {
    return httpCall(this.gateway.address, method, path, options)
  }

  get(path: string, options?: CallOptions): Promise<HttpAnswer> {
    return this.call('GET', path, options)
  }

  /** A POST with a key of its own, unless one is given. */
  post(path: string, body?: unknown, options: CallOptions = {}): Promise<HttpAnswer> {
    return this.call('POST', path, { key: `auto-${nextKey++}`, ...options, body })
  }

  put(path: string, body: unknown, options: CallOptions = {}): Promise<HttpAnswer> {
    return this.call('PUT', path, { ...options, body })
  }

  /** An account with money in it, opened directly at the bank. */
  async open(id: string, amount = 0, currency = 'CNY'): Promise<void> {
    await this.bank.openAccount({ id, currency })
    if (amount === 0) return
    await this.bank.deposit({ account: id, amount, currency, idempotencyKey: `open-${id}` })
  }

  async openMerchant(id: string, currency = 'CNY'): Promise<void> {
    await this.bank.openMerchant({ id, currency })
  }

  /** Sends bytes as they are and reads until the server ends the connection. */
  raw(bytes: string | Buffer, timeoutMs = 5_000): Promise<string> {
    const { hostname, port } = new URL(this.gateway.address)
    return new Promise((resolve, reject) => {
      let text = ''
      const socket = createConnection({ host: hostname, port: Number(port) }, () => {
        socket.write(bytes)
      })
      const timer = setTimeout(() => {
        socket.destroy()
        reject(new Error(`no end of the answer within ${timeoutMs} ms; so far: ${text}`))
      }, timeoutMs)
      socket.on('data', (chunk) => (text += chunk.toString('latin1')))
      socket.on('error', () => undefined)
      socket.on('close', () => {
        clearTimeout(timer)
        resolve(text)
      })
    })
  }
}

export async function httpCall(
  base: string,
  method: string,
  path: string,
  { body, key, token, headers = {} }: CallOptions = {},
): Promise<HttpAnswer> {
  const plain = typeof body === 'string' || body instanceof Uint8Array || body === undefined
  const response = await fetch(base + path, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body === undefined
      ? {}
      : { body: plain ? (body as string | Uint8Array<ArrayBuffer>) : JSON.stringify(body) }),
  })
  const text = await response.text()
  const type = response.headers.get('content-type') ?? ''
  const answer: HttpAnswer = {
    status: response.status,
    headers: response.headers,
    text,
    body:
      /[/+]json(;|$)/.test(type) && text !== ''
        ? (JSON.parse(text) as TestBody)
        : (undefined as unknown as TestBody),
  }
  expectDocumented(method, path, answer)
  return answer
}
