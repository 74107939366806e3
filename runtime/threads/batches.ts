/**
 * Batches between the client and the shard threads, and between shard threads: many requests,
 * answers or messages in one piece of bytes. What waits, waits as bytes: it is read when it is
 * handled, so that thousands of waiting requests are no work for the collector.
 */
import { openRow, RowWriter, type PlainReader } from '../../transport/index.js'
import { limits } from '../limits.js'
import { hashWords } from '../messaging/key-chunks.js'
import type { Message } from '../messaging/message.js'
import { readMessage, writeMessage } from '../shard/committed-turn.js'
import type { Acknowledgement } from '../shard/lane.js'
import { ShardRequest, type AnswerKind, type QueuedRequest } from '../shard/requests.js'

/** Flags of a request; the bits above say how many seconds its client waits, 0 when it does not say. */
const isQuery = 1
const isKeyed = 2
const isTimed = 4
const secondsShift = 3
const secondsMax = 0xff_ffff

/** Gathers requests for one place. */
export class RequestBatch {
  private readonly row = new RowWriter()

  get empty(): boolean {
    return this.row.empty
  }

  /** Bytes gathered so far. */
  get bytes(): number {
    return this.row.mark()
  }

  /** @throws TypeError when the input is no plain data; nothing is added then */
  add(shard: number, request: ShardRequest): void {
    const { row } = this
    const start = row.mark()
    const { hashes } = request
    row.u32(0)
    row.u32(shard)
    row.u32(request.id)
    row.u32(
      (request.type === 'query' ? isQuery : 0) |
        (hashes === undefined ? 0 : isKeyed) |
        (request.keyTime === 0 ? 0 : isTimed) |
        (Math.min(request.seconds, secondsMax) << secondsShift),
    )
    if (hashes !== undefined) for (let i = 0; i < hashWords; i++) row.u32(hashes[i]!)
    try {
      row.value(request.address)
      row.value(request.name)
      row.value(request.input)
      // Behind all that older nodes read.
      if (request.keyTime !== 0) row.value(request.keyTime)
    } catch (error) {
      row.backTo(start)
      throw error
    }
    row.patchU32(start, row.mark())
  }

  take(): Uint8Array {
    return this.row.take([])
  }
}

/** A request of a batch that is not read yet. */
class PackedRequest implements QueuedRequest {
  private readonly values: PlainReader
  private readonly at: number
  private readonly firstId: number

  constructor(values: PlainReader, at: number, firstId: number) {
    this.values = values
    this.at = at
    this.firstId = firstId
  }

  /** One that does not read is a request to nobody: its shard has others to serve. */
  open(): ShardRequest {
    const { values } = this
    values.position = this.at
    const id = this.firstId + values.u32()
    try {
      return this.read(id)
    } catch {
      return new ShardRequest(id, 'query', '', '', undefined, undefined)
    }
  }

  private read(id: number): ShardRequest {
    const { values } = this
    const flags = values.u32()
    let hashes: number[] | undefined
    if ((flags & isKeyed) !== 0) {
      hashes = new Array<number>(hashWords)
      for (let i = 0; i < hashWords; i++) hashes[i] = values.u32() | 0
    }
    const type = (flags & isQuery) === 0 ? 'command' : 'query'
    const address = values.value()
    const name = values.value()
    if (typeof address !== 'string' || typeof name !== 'string')
      throw new RangeError('a request names its actor and what is asked')
    const seconds = flags >>> secondsShift || undefined
    const input = values.value()
    const keyTime = (flags & isTimed) === 0 ? 0 : (values.value() as number)
    return new ShardRequest(id, type, address, name, input, hashes, seconds, keyTime)
  }
}

/**
 * Opens a batch of requests, one by one.
 * @param origin whose numbers these are: answers go back there
 * @throws RangeError when it is not whole
 */
export function readRequests(
  bytes: Uint8Array,
  visit: (shard: number, request: QueuedRequest) => void,
  origin = 0,
): void {
  const { values, end } = openRow(bytes)
  const firstId = origin * numbersEach
  let at = values.position
  while (at < end) {
    values.position = at
    const next = values.u32()
    if (next < at + requestBytesMin || next > end) throw new RangeError('a batch has lost its way')
    at = next
    const shard = values.u32()
    visit(shard, new PackedRequest(values, values.position, firstId))
  }
}

/** Where the next one begins, shard, number and flags. */
const requestBytesMin = 16

/** Numbers each origin has for its requests. */
const numbersEach = 2 ** 32

/** Gathers answers. Each is packed as it comes: what an actor keeps and what a client gets are never shared. */
export class AnswerBatch {
  private readonly row = new RowWriter()

  get empty(): boolean {
    return this.row.empty
  }

  /** Bytes gathered so far. */
  get bytes(): number {
    return this.row.mark()
  }

  /** @throws TypeError when the value is no plain data; nothing is added then */
  add(id: number, kind: AnswerKind, value: unknown): void {
    const { row } = this
    const start = row.mark()
    row.u32(id)
    row.value(kind)
    try {
      row.value(value)
    } catch (error) {
      row.backTo(start)
      throw error
    }
  }

  forget(visit: (id: number) => void): void {
    if (!this.empty) readAnswers(this.row.take([]), visit)
  }

  leave(send: (origin: number, bytes: Uint8Array) => void): void {
    send(0, this.row.take([]))
  }
}

/** Gathers answers to requests of many origins: batches of a bounded size for each. */
export class AnswersByOrigin {
  private readonly batches = new Map<number, AnswerBatch>()
  /** Batches that are as large as they may be. */
  private readonly whole: (readonly [origin: number, bytes: Uint8Array])[] = []

  get empty(): boolean {
    for (const batch of this.batches.values()) if (!batch.empty) return false
    return this.whole.length === 0
  }

  get bytes(): number {
    let bytes = 0
    for (const batch of this.batches.values()) bytes += batch.bytes
    for (const [, whole] of this.whole) bytes += whole.length
    return bytes
  }

  /** @throws TypeError when the value is no plain data; nothing is added then */
  add(id: number, kind: AnswerKind, value: unknown): void {
    const origin = Math.floor(id / numbersEach)
    let batch = this.batches.get(origin)
    if (batch === undefined) this.batches.set(origin, (batch = new AnswerBatch()))
    batch.add(id % numbersEach, kind, value)
    if (batch.bytes >= limits.nodeBatchBytes) this.end(origin, batch)
  }

  forget(visit: (id: number) => void): void {
    this.leave((origin, bytes) => {
      readAnswers(bytes, (number) => visit(origin * numbersEach + number))
    })
  }

  leave(send: (origin: number, bytes: Uint8Array) => void): void {
    for (const [origin, batch] of this.batches) if (!batch.empty) this.end(origin, batch)
    for (const [origin, bytes] of this.whole.splice(0)) send(origin, bytes)
  }

  private end(origin: number, batch: AnswerBatch): void {
    batch.leave((_, bytes) => {
      this.whole.push([origin, bytes])
    })
  }
}

/** Reads a batch of answers, one by one. */
export function readAnswers(
  bytes: Uint8Array,
  visit: (id: number, kind: AnswerKind, value: unknown) => void,
): void {
  const { values, end } = openRow(bytes)
  while (values.position < end) {
    visit(values.u32(), values.value() as AnswerKind, values.value())
  }
}

/** What two threads tell each other, in one batch. */
export interface PeerBatch {
  readonly messages: readonly Message[]
  readonly acknowledgements: readonly Acknowledgement[]
}

/** Packs what a thread tells others. */
export class PeerWriter {
  private readonly row = new RowWriter()

  pack({ messages, acknowledgements }: PeerBatch): Uint8Array {
    const { row } = this
    for (const { source, target, number } of acknowledgements) {
      row.u32(source)
      row.u32(target)
      row.value(number)
    }
    for (const message of messages) {
      row.u32(message.source)
      writeMessage(row, message)
    }
    return row.take([acknowledgements.length, messages.length])
  }
}

export function readPeers(bytes: Uint8Array): PeerBatch {
  const { facts, values } = openRow(bytes)
  const [acknowledged, sent] = facts as [number, number]
  const acknowledgements: Acknowledgement[] = []
  for (let i = 0; i < acknowledged; i++) {
    acknowledgements.push({
      source: values.u32(),
      target: values.u32(),
      number: values.value() as number,
    })
  }
  const messages: Message[] = []
  for (let i = 0; i < sent; i++) messages.push(readMessage(values, values.u32()))
  return { messages, acknowledgements }
}
