/**
 * What clients saw: every call with its moment, every return with its moment, kept for the oracles.
 */
import { Fault, Refused, type Address, type RuntimeClient } from '../../runtime/index.js'

/** How a call ended. */
export type Result =
  | { readonly type: 'value'; readonly value: unknown; readonly replayed: boolean }
  | { readonly type: 'refused'; readonly code: string; readonly replayed: boolean }
  | { readonly type: 'fault'; readonly code: string; readonly executed: 'no' | 'unknown' }

/** One call of one client. */
export interface Call {
  readonly type: 'command' | 'query'
  readonly address: Address
  readonly name: string
  readonly input: unknown
  /** Owner, operation and idempotency key; '' without one. */
  readonly key: string
  readonly called: number
  /** Infinity until it returns. */
  returned: number
  result: Result | undefined
}

/** The order of everything clients and journals do. */
export class Moments {
  private last = 0

  next(): number {
    return ++this.last
  }
}

export function keyName(address: Address, command: string, key: string): string {
  return `${address} ${command} ${key}`
}

/** A runtime's client that writes down what goes through it. */
export class RecordingClient implements RuntimeClient {
  readonly calls: Call[] = []
  readonly shards: number
  private readonly inner: RuntimeClient
  private readonly moments: Moments

  constructor(inner: RuntimeClient, moments: Moments) {
    this.inner = inner
    this.moments = moments
    this.shards = inner.shards
  }

  readonly actor: RuntimeClient['actor'] = (definition, key) => this.inner.actor(definition, key)
  readonly shardStatus: RuntimeClient['shardStatus'] = () => this.inner.shardStatus()
  readonly comparePairs: RuntimeClient['comparePairs'] = (options) =>
    this.inner.comparePairs(options)
  readonly quarantined: RuntimeClient['quarantined'] = () => this.inner.quarantined()
  readonly release: RuntimeClient['release'] = (address) => this.inner.release(address)

  readonly command: RuntimeClient['command'] = async (address, command, input, options) => {
    const key = options?.idempotencyKey
    const named = key === undefined ? '' : keyName(address, command, key)
    const call = this.begin('command', address, command, input, named)
    return this.end(call, this.inner.command(address, command, input, options))
  }

  readonly query: RuntimeClient['query'] = async (address, query, input, options) => {
    const call = this.begin('query', address, query, input, '')
    const answer = this.inner.query(address, query, input, options)
    return (
      await this.end(
        call,
        answer.then((value) => ({ value, replayed: false })),
      )
    ).value
  }

  private begin(
    type: 'command' | 'query',
    address: Address,
    name: string,
    input: unknown,
    key: string,
  ): Call {
    const called = this.moments.next()
    const call: Call = {
      type,
      address,
      name,
      input,
      key,
      called,
      returned: Infinity,
      result: undefined,
    }
    this.calls.push(call)
    return call
  }

  private async end<T extends { readonly value: unknown; readonly replayed: boolean }>(
    call: Call,
    answer: Promise<T>,
  ): Promise<T> {
    try {
      const answered = await answer
      call.result = { type: 'value', value: answered.value, replayed: answered.replayed }
      return answered
    } catch (error) {
      call.result = resultOf(error)
      throw error
    } finally {
      call.returned = this.moments.next()
    }
  }
}

function resultOf(error: unknown): Result {
  if (error instanceof Refused) {
    return { type: 'refused', code: error.code, replayed: error.replayed }
  }
  if (error instanceof Fault) {
    const executed = error.outcome === 'unknown' ? 'unknown' : 'no'
    return { type: 'fault', code: error.code, executed }
  }
  throw error
}

/** True for an answer that will be the same for ever. */
export function isDefinite(result: Result | undefined): boolean {
  if (result?.type === 'value') return true
  return result?.type === 'refused' && !passingRefusals.has(result.code)
}

/** Refusals that bind nothing: the same request may be done later. */
export const passingRefusals: ReadonlySet<string> = new Set([
  'invalid_request',
  'not_found',
  'account_not_found',
  'payee_not_found',
])
