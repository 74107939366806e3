/**
 * The client's side of requests: numbers them, sends them in batches, matches answers, gives up.
 *
 * L1. Every request ends once: with its answer, or with `outcome_unknown` when its time is over.
 * L2. What a client may have unanswered is bounded; beyond it requests are shed, not queued.
 * L3. A client that drains takes nothing more, and answers what it took: under any load it comes to an end.
 */
import type { Address } from './actor/address.js'
import type { Answered, CommandOptions } from './actor/client.js'
import type { Kinds } from './actor/kinds.js'
import type { Env, TimerHandle } from './env/env.js'
import { Fault, Refused, runtimeCodes, type RuntimeCode } from './errors.js'
import { keyTimeOf, type KeyTimeFormat } from './messaging/key-time.js'
import type { KeyedHash } from './messaging/keyed-hash.js'
import { limits } from './limits.js'
import { answerKinds, ShardRequest, type AnswerKind } from './shard/requests.js'
import { PendingRequests, type Ending } from './pending-requests.js'
import { readAnswers, RequestBatch } from './threads/batches.js'

export interface RequestClientOptions {
  readonly shards: number
  readonly kinds: Kinds
  readonly hash: KeyedHash
  readonly requestTimeoutMs: number
  readonly keyRetentionMs: number
  readonly keyTime: KeyTimeFormat
  /** Requests that may be unanswered. */
  readonly requestsMax: number
  /** Where a shard is served: a thread, or a node; undefined when nobody knows. */
  readonly placeOf: (shard: number) => number | undefined
  /** Why nobody is asked for a shard without a place. @default it is not ready */
  readonly notServed?: (shard: number) => Fault
  /** Sends a batch to a place. */
  readonly send: (place: number, bytes: Uint8Array) => void
  /** Whether no answer can come now: what waits for one ends with the next look. @default one always may */
  readonly isCutOff?: (() => boolean) | undefined
  /** A batch could not be sent. */
  readonly lost?: (place: number, error: unknown) => void
}

const sweepMs = 100

const keyCharactersMax = 255

/** 1 to 255 printable ASCII characters, in a loop: a regular expression takes several times as long. */
function isKey(key: string): boolean {
  const { length } = key
  if (length === 0 || length > keyCharactersMax) return false
  for (let i = 0; i < length; i++) {
    const code = key.charCodeAt(i)
    if (code < 0x20 || code > 0x7e) return false
  }
  return true
}

function noEnd(): void {
  // Replaced before it is used.
}

export class RequestClient {
  private readonly env: Env
  private readonly options: RequestClientOptions
  /** By place. */
  private readonly batches: (RequestBatch | undefined)[] = []
  private readonly pending = new PendingRequests<Answered<unknown>>()
  /** How the request ends whose answer is being read. */
  private readonly ending: Ending<Answered<unknown>> = { resolve: noEnd, reject: noEnd }
  private flushing = false
  /** Monotonic time at which the batch was begun that is being filled, ms. */
  private moment = 0
  /** Time that the key carries that was looked at last; 0 where keys carry none. */
  private keyTime = 0
  private sweep: TimerHandle | undefined
  private ended: Fault | undefined
  /** Why nothing more is taken, while what was taken before may still be answered. */
  private draining: Fault | undefined
  private readonly idleWaiters: (() => void)[] = []

  constructor(env: Env, options: RequestClientOptions) {
    this.env = env
    this.options = options
  }

  /** Requests that have no answer yet. */
  get unanswered(): number {
    return this.pending.size
  }

  command(
    address: Address,
    name: string,
    input: unknown,
    options?: CommandOptions,
  ): Promise<Answered<unknown>> {
    return this.request('command', address, name, input, options)
  }

  query(
    address: Address,
    name: string,
    input: unknown,
    options?: { timeoutMs?: number },
  ): Promise<Answered<unknown>> {
    return this.request('query', address, name, input, options).catch(ofQuery)
  }

  /** Takes a batch of answers in. */
  receive(bytes: Uint8Array): void {
    readAnswers(bytes, (id, kind, value) => {
      if (this.pending.take(id, this.ending)) settle(this.ending, kind, value)
    })
    if (this.pending.size === 0) this.becameIdle()
  }

  /** Takes no more from now on. Resolves when everything taken before has been answered (L3). */
  drain(): Promise<void> {
    this.draining ??= new Fault('closed')
    return this.idle()
  }

  /** Resolves when everything sent has been answered. */
  async idle(): Promise<void> {
    if (this.pending.size === 0) return
    await new Promise<void>((resolve) => this.idleWaiters.push(resolve))
  }

  /**
   * The shard has another owner now: what its last one was asked may have been done, or not.
   * @param withinMs how long its answers may still be on their way
   */
  giveUp(shard: number, withinMs: number): void {
    if (withinMs > 0) {
      this.pending.hurry(shard, this.env.clock.monotonic() + withinMs)
      return
    }
    this.pending.rejectOf(shard, () => new Fault('outcome_unknown'))
    if (this.pending.size === 0) this.becameIdle()
  }

  /** Ends the client: what is unanswered is unknown, what comes later is refused. */
  end(fault: Fault): void {
    if (this.ended !== undefined) return
    this.ended = fault
    this.sweep?.cancel()
    this.pending.rejectOverdue(Infinity, () =>
      fault.code === 'closed' ? new Fault('outcome_unknown') : fault,
    )
    this.becameIdle()
  }

  private request(
    type: 'command' | 'query',
    address: Address,
    name: string,
    input: unknown,
    options: CommandOptions | undefined,
  ): Promise<Answered<unknown>> {
    return new Promise((resolve, reject) => {
      const problem = this.problemWith(address, options)
      if (problem !== undefined) {
        reject(problem)
        return
      }
      const shard = this.options.kinds.shardOf(address, this.options.shards)
      const id = this.pending.nextNumber()
      const place = this.options.placeOf(shard)
      if (place === undefined) {
        reject(this.options.notServed?.(shard) ?? new Fault('not_ready'))
        return
      }
      const timeoutMs = options?.timeoutMs ?? this.options.requestTimeoutMs
      try {
        const key = options?.idempotencyKey
        const hashes = key === undefined ? undefined : this.hashesOf(address, name, key, input)
        const batch = (this.batches[place] ??= new RequestBatch())
        const seconds = Math.ceil(timeoutMs / 1_000)
        const { keyTime } = this
        batch.add(shard, new ShardRequest(id, type, address, name, input, hashes, seconds, keyTime))
      } catch (error) {
        reject(new Fault('invalid_request', `The input is no plain data: ${String(error)}.`))
        return
      }
      this.scheduleFlush()
      this.scheduleSweep()
      this.pending.add(resolve, reject, this.moment + timeoutMs, shard)
      const batch = this.batches[place]
      if (batch.bytes >= limits.nodeBatchBytes) this.sendBatch(place, batch)
    })
  }

  private problemWith(address: Address, options: CommandOptions | undefined): Fault | undefined {
    if (this.ended !== undefined) return this.ended
    if (this.draining !== undefined) return this.draining
    if (this.pending.size >= this.options.requestsMax) {
      return new Fault('overloaded')
    }
    const nameless = problemWithAddress(address)
    if (nameless !== undefined) return nameless
    const timeoutMs = options?.timeoutMs
    if (timeoutMs !== undefined && !(Number.isFinite(timeoutMs) && timeoutMs >= 0)) {
      return new Fault(
        'invalid_request',
        `timeoutMs is a number of ms; it is ${String(timeoutMs)}.`,
      )
    }
    const key = options?.idempotencyKey
    if (key === undefined) {
      this.keyTime = 0
      return undefined
    }
    if (typeof key !== 'string' || !isKey(key)) {
      return new Fault(
        'invalid_request',
        'An idempotency key has 1 to 255 printable ASCII characters.',
      )
    }
    return this.problemWithKeyTime(key)
  }

  /** An early no: what may have been forgotten is told for certain by the shard, by its own time. */
  private problemWithKeyTime(key: string): Fault | undefined {
    if (this.options.keyTime === 'none') return undefined
    const time = keyTimeOf(key, this.options.keyTime)
    if (time === undefined) {
      return new Fault('invalid_request', `Idempotency keys are ${this.options.keyTime} here.`)
    }
    this.keyTime = time
    const oldest = this.env.clock.now() - this.options.keyRetentionMs
    return time < oldest ? new Fault('idempotency_key_expired') : undefined
  }

  private hashesOf(address: Address, name: string, key: string, input: unknown): number[] {
    const { hash } = this.options
    const words: number[] = []
    hash.key(address, name, key, words)
    hash.meaning(input, words)
    // Three words of the four are enough to tell two meanings of one key apart.
    words.pop()
    return words
  }

  private scheduleFlush(): void {
    if (this.flushing) return
    this.flushing = true
    this.moment = this.env.clock.monotonic()
    this.env.timers.soon(() => {
      this.flushing = false
      this.batches.forEach((batch, place) => {
        if (batch?.empty === false) this.sendBatch(place, batch)
      })
    })
  }

  /** What can't be sent is lost as on any way: its requests may have got there, and end by their time (L1). */
  private sendBatch(place: number, batch: RequestBatch): void {
    const bytes = batch.take()
    try {
      this.options.send(place, bytes)
    } catch (error) {
      this.options.lost?.(place, error)
    }
  }

  private scheduleSweep(): void {
    this.sweep ??= this.env.timers.after(sweepMs, () => {
      this.sweep = undefined
      const moment = this.options.isCutOff?.() === true ? Infinity : this.env.clock.monotonic()
      this.pending.rejectOverdue(moment, () => new Fault('outcome_unknown'))
      if (this.pending.size > 0) this.scheduleSweep()
      else this.becameIdle()
    })
  }

  private becameIdle(): void {
    for (const resolve of this.idleWaiters.splice(0)) resolve()
  }
}

/** A query executes nothing: where its answer is missing, nothing is unknown but that. @throws the error as told */
function ofQuery(error: unknown): never {
  if (!(error instanceof Fault) || error.code !== 'outcome_unknown') throw error
  const { lasting } = error
  const sentence = 'The answer did not arrive in time; ask again.'
  throw new Fault('not_ready', sentence, { cause: error, lasting })
}

/** What is wrong with an address. Callers without types may hand over anything. */
export function problemWithAddress(address: unknown): Fault | undefined {
  const isText = typeof address === 'string'
  if (isText && address.includes('/') && address.length <= limits.addressOfRequestMax)
    return undefined
  return new Fault(
    'invalid_request',
    `"${String(address).slice(0, 64)}" is no address of the form kind/key.`,
  )
}

function settle(pending: Ending<Answered<unknown>>, kind: AnswerKind, value: unknown): void {
  switch (kind) {
    case answerKinds.value:
      pending.resolve({ value, replayed: false })
      return
    case answerKinds.replayed:
      pending.resolve({ value, replayed: true })
      return
    case answerKinds.refused:
    case answerKinds.refusedReplayed: {
      const [code, detail] = value as [string, string]
      pending.reject(new Refused(code, detail, kind === answerKinds.refusedReplayed))
      return
    }
    case answerKinds.fault: {
      const [code, detail, lasting = false] = value as [RuntimeCode, string, boolean?]
      pending.reject(new Fault(code in runtimeCodes ? code : 'actor_failed', detail, { lasting }))
    }
  }
}
