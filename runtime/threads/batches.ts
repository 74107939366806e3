/**
 * Batches between the client and the shard threads: many requests or answers in one piece of bytes.
 */
import { pack, unpack } from '../../transport/index.js'
import type { Address } from '../actor/address.js'
import type { AnswerKind, ShardAnswer, ShardRequest } from '../shard/requests.js'

/** A request with the shard it goes to. */
export interface RoutedRequest extends ShardRequest {
  readonly shard: number
}

const requestFields = 7
const answerFields = 3

/** Gathers requests for one thread. */
export class RequestBatch {
  private fields: unknown[] = []

  get empty(): boolean {
    return this.fields.length === 0
  }

  add(request: RoutedRequest): void {
    const { hashes } = request
    this.fields.push(
      request.id,
      request.shard,
      request.type === 'command' ? 0 : 1,
      request.address,
      request.name,
      request.input,
      hashes ?? 0,
    )
  }

  take(): Uint8Array {
    const bytes = pack(this.fields)
    this.fields = []
    return bytes
  }
}

/** Reads a batch of requests, one by one. */
export function readRequests(bytes: Uint8Array, visit: (request: RoutedRequest) => void): void {
  const fields = unpack(bytes) as unknown[]
  for (let at = 0; at < fields.length; at += requestFields) {
    const hashes = fields[at + 6]
    visit({
      id: fields[at] as number,
      shard: fields[at + 1] as number,
      type: fields[at + 2] === 0 ? 'command' : 'query',
      address: fields[at + 3] as Address,
      name: fields[at + 4] as string,
      input: fields[at + 5],
      hashes: hashes === 0 ? undefined : (hashes as number[]),
    })
  }
}

export function packAnswers(answers: readonly ShardAnswer[]): Uint8Array {
  const fields: unknown[] = []
  for (const answer of answers) fields.push(answer.id, answer.kind, answer.value)
  return pack(fields)
}

/** Reads a batch of answers, one by one. */
export function readAnswers(
  bytes: Uint8Array,
  visit: (id: number, kind: AnswerKind, value: unknown) => void,
): void {
  const fields = unpack(bytes) as unknown[]
  for (let at = 0; at < fields.length; at += answerFields) {
    visit(fields[at] as number, fields[at + 1] as AnswerKind, fields[at + 2])
  }
}
