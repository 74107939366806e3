/**
 * The OpenAPI 3.1 document, made from the operations the server registers: what is not in it does not
 * exist, and the schemas in it are the ones that validate and serialise.
 */
import { codesOf, type Operation } from '../operation.js'
import { httpCodes, type Code } from '../problem/codes.js'
import { problemContentType, problemOf } from '../problem/problem.js'
import { problemSchema } from './answers.js'
import { idempotencyKeyField } from './fields.js'
import type { Schema } from './schema.js'

interface DocumentInfo {
  readonly version: string
  /** Whether requests need an API key. */
  readonly secured: boolean
}

const tags = [
  { name: 'Accounts', description: 'Who pays.' },
  { name: 'Merchants', description: 'Who is paid.' },
  { name: 'Cash', description: 'Money that enters and leaves the system.' },
  { name: 'Payments', description: 'Hold, capture, void, refund.' },
  { name: 'Transfers', description: 'Several amounts, all or nothing.' },
  { name: 'Operations', description: 'Audit, quarantine, health, metrics.' },
]

const description = [
  'Amounts are whole numbers of minor units. Every request that moves money carries the header',
  '`Idempotency-Key`: the same key with the same request gives the first answer again, status and',
  'body, with `Idempotent-Replayed: true`; with another request, `idempotency_conflict`.',
  'Errors are problem details (RFC 9457): decide by `code`, repeat when `retryable`, and when',
  '`outcome` is `unknown` ask again with the same key.',
].join(' ')

/** Builds the document of these operations. */
export function openApiDocument(operations: readonly Operation[], info: DocumentInfo) {
  const schemas: Record<string, Schema> = { Problem: problemSchema }
  const paths: Record<string, Record<string, unknown>> = {}
  for (const spec of operations) {
    schemas[spec.answer.component] = spec.answer.schema
    if (spec.body !== undefined) schemas[spec.body.component] = spec.body.schema
    const path = (paths[spec.path] ??= {})
    path[spec.method.toLowerCase()] = operationObject(spec, info)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Suanpan payments',
      version: info.version,
      summary: 'Payments on a cluster-native actor runtime',
      description,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    jsonSchemaDialect: 'https://spec.openapis.org/oas/3.1/dialect/base',
    servers: [{ url: '/' }],
    tags,
    paths,
    components: {
      schemas,
      headers: {
        'Idempotent-Replayed': {
          description: 'Present on the remembered answer of an earlier request with the same key.',
          schema: { type: 'string', enum: ['true'] },
        },
        'Retry-After': {
          description: 'Seconds after which the request may do better.',
          schema: { type: 'integer', minimum: 1 },
        },
        'WWW-Authenticate': {
          description: 'How to authenticate.',
          schema: { type: 'string' },
        },
        Allow: { description: 'Methods of this path.', schema: { type: 'string' } },
      },
      parameters: {
        IdempotencyKey: {
          name: 'Idempotency-Key',
          in: 'header',
          required: true,
          description:
            'Names the request; taken literally. It belongs to the payer (deposits and withdrawals: the account; capture, void and refund: the payment).',
          schema: idempotencyKeyField,
        },
      },
      securitySchemes: {
        apiKey: {
          type: 'http',
          scheme: 'bearer',
          description: 'An API key with the scope of the operation: pay, read or operator.',
        },
      },
      responses: { MethodNotAllowed: problemResponse(['method_not_allowed']) },
    },
  }
}

function operationObject(spec: Operation, info: DocumentInfo) {
  const needsKey = info.secured && spec.access !== 'open'
  return {
    operationId: spec.id,
    summary: spec.summary,
    ...(spec.description === undefined ? {} : { description: spec.description }),
    tags: [spec.tag],
    ...(needsKey ? { security: [{ apiKey: [] }] } : { security: [] }),
    'x-access': spec.access,
    parameters: parametersOf(spec),
    ...(spec.body === undefined ? {} : { requestBody: requestBodyOf(spec.body) }),
    responses: responsesOf(spec),
  }
}

function parametersOf(spec: Operation): unknown[] {
  const parameters: unknown[] = []
  for (const [place, schema] of [
    ['path', spec.params],
    ['query', spec.query],
  ] as const) {
    const fields = (schema?.['properties'] ?? {}) as Record<string, Schema>
    for (const [name, field] of Object.entries(fields)) {
      const { description, ...rest } = field
      parameters.push({ name, in: place, required: place === 'path', description, schema: rest })
    }
  }
  if (spec.keyed === true) parameters.push({ $ref: '#/components/parameters/IdempotencyKey' })
  return parameters
}

function requestBodyOf(body: NonNullable<Operation['body']>) {
  const media = {
    schema: { $ref: `#/components/schemas/${body.component}` },
    example: body.example,
  }
  return {
    required: body.optional !== true,
    content: { [body.contentType ?? 'application/json']: media },
  }
}

function responsesOf(spec: Operation): Record<string, unknown> {
  const { answer } = spec
  const media = {
    schema: { $ref: `#/components/schemas/${answer.component}` },
    example: answer.example,
  }
  const responses: Record<string, unknown> = {
    [answer.status]: {
      description: answer.description,
      ...(spec.keyed === true ? { headers: headersNamed('Idempotent-Replayed') } : {}),
      content: { [answer.contentType ?? 'application/json']: media },
    },
  }
  const byStatus = new Map<number, Code[]>()
  for (const code of codesOf(spec)) {
    const { status } = httpCodes[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  for (const [status, codes] of byStatus) {
    responses[status] = problemResponse(codes, spec.keyed === true)
  }
  responses['405'] = { $ref: '#/components/responses/MethodNotAllowed' }
  return responses
}

/** Statuses of refusals that an idempotency key can remember. */
const replayable: ReadonlySet<number> = new Set([400, 404, 409, 422, 500])

function problemResponse(codes: readonly Code[], keyed = false) {
  const { status } = httpCodes[codes[0]!]
  const names: string[] = []
  if (keyed && replayable.has(status)) names.push('Idempotent-Replayed')
  if (codes.some((code) => code === 'overloaded' || code === 'not_ready')) names.push('Retry-After')
  if (status === 401) names.push('WWW-Authenticate')
  if (status === 405) names.push('Allow')
  const examples = Object.fromEntries(codes.map((code) => [code, { value: problemOf(code) }]))
  return {
    description: codes.map((code) => `\`${code}\``).join(', '),
    ...(names.length === 0 ? {} : { headers: headersNamed(...names) }),
    content: {
      [problemContentType]: { schema: { $ref: '#/components/schemas/Problem' }, examples },
    },
  }
}

function headersNamed(...names: string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}
