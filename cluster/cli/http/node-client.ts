/**
 * Talks to a running node over HTTP: JSON in and out, problem details become `CommandFailed`.
 */
import { CommandFailed } from '../problem.js'
import type { NodeOptions } from '../options.js'

/** An answer of a node. */
export interface NodeAnswer<T> {
  readonly status: number
  readonly body: T
  /** It is the remembered answer of an earlier request with the same key. */
  readonly replayed: boolean
}

export interface NodeRequest {
  readonly method: 'GET' | 'POST' | 'PUT'
  /** Begins with a slash; parts of it are already encoded. */
  readonly path: string
  readonly body?: unknown
  readonly idempotencyKey?: string
  /** Statuses that are no failure beside those of 2xx. */
  readonly accept?: readonly number[]
  /** ms until it counts as not answered. @default 60,000 */
  readonly timeoutMs?: number
}

const requestTimeoutMs = 60_000

export class NodeClient {
  readonly url: string
  private readonly apiKey: string | undefined

  constructor({ url, apiKey }: NodeOptions) {
    this.url = url
    this.apiKey = apiKey
  }

  /**
   * Asks for JSON. The caller names the type its path answers with.
   * @throws CommandFailed `node_unreachable`, or the code of the node's problem
   */
  async ask<T>(request: NodeRequest): Promise<NodeAnswer<T>> {
    const { status, text, replayed } = await this.send(request)
    const body = jsonOf(text)
    const accepted = (status >= 200 && status < 300) || request.accept?.includes(status) === true
    if (!accepted || body === undefined) throw this.failure(status, body, request)
    return { status, body: body as T, replayed }
  }

  /** Asks for text. @throws CommandFailed */
  async text(path: string, timeoutMs = requestTimeoutMs): Promise<string> {
    const request = { method: 'GET', path, timeoutMs } as const
    const { status, text } = await this.send(request)
    if (status !== 200) throw this.failure(status, jsonOf(text), request)
    return text
  }

  private async send(request: NodeRequest) {
    const headers: Record<string, string> = {}
    if (request.body !== undefined) headers['content-type'] = 'application/json'
    if (request.idempotencyKey !== undefined) headers['idempotency-key'] = request.idempotencyKey
    if (this.apiKey !== undefined) headers['authorization'] = `Bearer ${this.apiKey}`
    try {
      const response = await fetch(`${this.url}${request.path}`, {
        method: request.method,
        headers,
        signal: AbortSignal.timeout(request.timeoutMs ?? requestTimeoutMs),
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      })
      const replayed = response.headers.get('idempotent-replayed') === 'true'
      return { status: response.status, text: await response.text(), replayed }
    } catch (error) {
      throw this.unreachable(error, request)
    }
  }

  private unreachable(error: unknown, request: NodeRequest): CommandFailed {
    const { method, path, idempotencyKey, timeoutMs = requestTimeoutMs } = request
    const { name, cause } = error as { name?: string; cause?: { code?: string; message?: string } }
    const again =
      idempotencyKey === undefined
        ? ''
        : ` Whether it was done is unknown: ask again with --idempotency-key ${idempotencyKey}.`
    if (name === 'TimeoutError') {
      const silent = `did not answer within ${timeoutMs / 1000} s`
      // Of a question nothing is unknown but its answer.
      return method === 'GET'
        ? new CommandFailed(
            'node_unreachable',
            `${this.url} takes connections and ${silent} (${path}); look whether its process stands still, and what its stderr says.`,
            { url: this.url },
          )
        : new CommandFailed('outcome_unknown', `${this.url} ${silent}.${again}`, { url: this.url })
    }
    if (cause?.code === 'ECONNREFUSED' || cause?.code === 'ENOTFOUND') {
      return new CommandFailed(
        'node_unreachable',
        `Nothing listens at ${this.url}; start a node with "suanpan start", or name another one with --url.`,
        { url: this.url },
      )
    }
    // Node's own words are in the cause; the error itself says "fetch failed".
    const reason = cause?.code ?? cause?.message ?? (error as Error).message
    return new CommandFailed(
      'node_unreachable',
      `The connection to ${this.url} failed (${reason}); check --url, and whether the node runs.${again}`,
      { url: this.url },
    )
  }

  private failure(status: number, body: unknown, request: NodeRequest): CommandFailed {
    const { code, detail, title } = (body ?? {}) as Partial<Record<string, unknown>>
    if (typeof code !== 'string') {
      return new CommandFailed(
        'node_unreachable',
        `${this.url} answered ${status} as no Suanpan node does; check --url.`,
        { url: this.url, status },
      )
    }
    const sentence = typeof detail === 'string' ? detail : typeof title === 'string' ? title : code
    const { idempotencyKey } = request
    return new CommandFailed(code, sentence, {
      status,
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    })
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
