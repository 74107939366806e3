/**
 * Every answer a test gets is held against the OpenAPI document: its status must be documented for
 * the operation, its body must be of the documented schema, its headers must be named there.
 */
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect } from 'vitest'
import { isCurrency } from '../../../actors/index.js'
import { operations } from '../gateway.js'
import { openApiDocument } from '../schemas/openapi.js'
import type { HttpAnswer } from './gateway-kit.js'

const document = openApiDocument(operations, { version: '0.0.0', secured: true })

const ajv = new Ajv2020({ strict: false, allErrors: true })
ajv.addFormat('iso-4217', isCurrency)
ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
ajv.addFormat('uri', /^urn:[a-z]+:[a-z]+:[a-z_]+$/)
ajv.addFormat('moment', true)
ajv.addSchema(document, 'document')

interface DocumentedResponse {
  readonly headers?: Record<string, unknown>
  readonly content: Record<string, unknown>
}

/** Statuses each operation was seen to give. */
export const seenStatuses = new Map<string, Set<number>>()

function pointer(...parts: readonly (string | number)[]): string {
  const escaped = parts.map((part) => String(part).replaceAll('~', '~0').replaceAll('/', '~1'))
  return `document#/${escaped.map(encodeURIComponent).join('/')}`
}

/** Holds an answer against the document; paths that are not in it are left alone. */
export function expectDocumented(method: string, path: string, answer: HttpAnswer): void {
  const plain = path.split('?', 1)[0] ?? ''
  const spec = operations.find(
    (operation) =>
      operation.method === method &&
      new RegExp(`^${operation.path.replace(/\{\w+\}/g, '[^/]+')}$`).test(plain),
  )
  if (spec === undefined || answer.status === 405) return
  const seen = seenStatuses.get(spec.id) ?? new Set()
  seenStatuses.set(spec.id, seen.add(answer.status))
  const verb = method.toLowerCase()
  const responses = (document.paths[spec.path]![verb] as { responses: Record<string, unknown> })
    .responses
  const response = responses[answer.status] as DocumentedResponse | undefined
  expect(response, `${method} ${spec.path} documents the status ${answer.status}`).toBeDefined()
  const type = (answer.headers.get('content-type') ?? '').split(';', 1)[0] ?? ''
  expect(Object.keys(response!.content)).toEqual([type])
  for (const header of ['idempotent-replayed', 'retry-after', 'www-authenticate', 'allow']) {
    if (!answer.headers.has(header)) continue
    expect(Object.keys(response!.headers ?? {}).map((name) => name.toLowerCase())).toContain(header)
  }
  if (type.startsWith('text/')) return
  const at = pointer(
    'paths',
    spec.path,
    verb,
    'responses',
    answer.status,
    'content',
    type,
    'schema',
  )
  const validate = ajv.getSchema(at)!
  const bodies =
    type === 'application/x-ndjson'
      ? answer.text
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line) as unknown)
      : [answer.body as unknown]
  for (const body of bodies)
    expect([validate(body), validate.errors, body]).toEqual([true, null, body])
}
