/**
 * An operation is one method of one path, as data: the server registers it, the OpenAPI document
 * describes it, the tests walk over it. What is not here does not exist.
 */
import type { FastifyReply, FastifyRequest, RouteGenericInterface } from 'fastify'
import type { Bank } from '../../actors/index.js'
import type { BackupDesk } from './backup-desk.js'
import type { GatewayMetrics } from './metrics/metrics.js'
import type { OpsView } from './ops-view.js'
import type { Code } from './problem/codes.js'
import type { Schema } from './schemas/schema.js'
import type { Access, Caller } from './security/caller.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; set before the body is read. */
    caller: Caller
    /** `performance.now()` when the request arrived. */
    startedAt: number
  }
}

/** What handlers work with. */
export interface GatewayContext {
  readonly bank: Bank
  readonly ops: OpsView
  readonly metrics: GatewayMetrics
  readonly backups: BackupDesk
  /** Lines of a batch at work at once. */
  readonly batchWindowLines: number
  /** True while the gateway closes. */
  draining: boolean
  /** The OpenAPI document, as text. */
  openapi: string
}

/** What an operation answers when all is well. */
export interface Answer {
  readonly status: 200 | 201
  readonly description: string
  readonly schema: Schema
  /** Name of the schema among the components of the document. */
  readonly component: string
  readonly example: unknown
  /** @default 'application/json' */
  readonly contentType?: string
}

export interface Operation<R extends RouteGenericInterface = RouteGenericInterface> {
  readonly method: 'GET' | 'POST' | 'PUT'
  /** In the form of OpenAPI: `/v1/accounts/{id}`. */
  readonly path: string
  /** Name in the document and in metrics. */
  readonly id: string
  readonly tag: 'Accounts' | 'Merchants' | 'Cash' | 'Payments' | 'Transfers' | 'Operations'
  readonly summary: string
  readonly description?: string
  readonly access: Access
  /** Moves money: takes the header `Idempotency-Key`. */
  readonly keyed?: true
  readonly params?: Schema
  readonly query?: Schema
  readonly body?: {
    readonly schema: Schema
    readonly component: string
    readonly example: unknown
    /** The body may be absent. */
    readonly optional?: true
    /** @default 'application/json' */
    readonly contentType?: string
  }
  readonly answer: Answer
  /** Codes beyond those every operation of its form can give. */
  readonly codes: readonly Code[]
  /** Returns the body of the answer; rejects with what becomes a problem. */
  handle(request: FastifyRequest<R>, reply: FastifyReply, context: GatewayContext): unknown
}

/** Forgets the types of a request's parts, which its schemas have made sure of. */
export function operation<R extends RouteGenericInterface>(spec: Operation<R>): Operation {
  return spec
}

const always: readonly Code[] = ['internal_error', 'not_ready']
const withInput: readonly Code[] = ['invalid_request']
const withBody: readonly Code[] = ['body_too_large', 'unsupported_media_type', 'request_timeout']
const withKeys: readonly Code[] = ['unauthorized', 'forbidden']
const ofTheBank: readonly Code[] = [
  'overloaded',
  'quarantined',
  'actor_failed',
  'closed',
  'journal_failed',
  'fenced',
  'outcome_unknown',
]
const ofKeyed: readonly Code[] = [
  'idempotency_key_missing',
  'idempotency_conflict',
  'idempotency_key_expired',
]

/** Every code an operation can answer with, sorted. */
export function codesOf(spec: Operation): Code[] {
  const codes = new Set<Code>([...spec.codes, ...always])
  const add = (more: readonly Code[]): void => {
    for (const code of more) codes.add(code)
  }
  if (spec.path.startsWith('/v1/')) {
    add(withInput)
    add(ofTheBank)
  }
  if (spec.access !== 'open' || spec.path.startsWith('/v1/')) add(withKeys)
  if (spec.body !== undefined) add(withBody)
  if (spec.keyed === true) add(ofKeyed)
  return [...codes].sort()
}
