/** The OpenAPI document: valid, complete both ways, with examples that are what they show. */
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isCurrency } from '../../../actors/index.js'
import { operations } from '../gateway.js'
import { httpCodes, type Code } from '../index.js'
import { codesOf } from '../operation.js'
import { parseMoment } from '../request/moment.js'
import { GatewayKit } from '../testing/gateway-kit.js'

interface Media {
  readonly schema: object
  readonly example?: unknown
  readonly examples?: Record<string, { readonly value: unknown }>
}
interface Body {
  readonly content?: Record<string, Media>
  readonly required?: boolean
}
interface OperationObject {
  readonly operationId: string
  readonly security: readonly object[]
  readonly parameters: readonly {
    readonly name?: string
    readonly in?: string
    readonly $ref?: string
  }[]
  readonly requestBody?: Body
  readonly responses: Record<string, Body & { readonly $ref?: string; headers?: object }>
}
interface Document {
  readonly openapi: string
  readonly paths: Record<string, Record<string, OperationObject>>
  readonly components: { readonly schemas: Record<string, object> }
}

let kit: GatewayKit
let document: Document

beforeAll(async () => {
  kit = await GatewayKit.start()
  document = (await kit.get('/openapi.json')).body as unknown as Document
})

afterAll(() => kit.stop())

/** Every operation of the document with its path and method. */
function documented(): [string, string, OperationObject][] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, object]): [string, string, OperationObject] => [
      path,
      method,
      object,
    ]),
  )
}

describe('the OpenAPI document', () => {
  it('is valid OpenAPI 3.1', async () => {
    expect(document.openapi).toBe('3.1.0')
    const validator = new Validator()
    const result = await validator.validate(
      structuredClone(document) as unknown as Record<string, unknown>,
    )
    expect(result).toEqual({ valid: true })
    // Every reference leads somewhere.
    expect(() => validator.resolveRefs()).not.toThrow()
    expect(JSON.stringify(validator.resolveRefs())).not.toContain('"$ref"')
  })

  it('has every route of API.md', () => {
    const promised = [
      'POST /v1/accounts',
      'POST /v1/merchants',
      'GET /v1/accounts/{id}',
      'GET /v1/merchants/{id}',
      'POST /v1/deposits',
      'POST /v1/withdrawals',
      ...['accounts', 'merchants'].flatMap((kind) => [
        `POST /v1/${kind}/{id}/freeze`,
        `POST /v1/${kind}/{id}/unfreeze`,
        `POST /v1/${kind}/{id}/close`,
        `PUT /v1/${kind}/{id}/limits`,
      ]),
      'POST /v1/payments',
      'GET /v1/payments/{id}',
      'POST /v1/payments/{id}/capture',
      'POST /v1/payments/{id}/void',
      'POST /v1/payments/{id}/refund',
      'POST /v1/transfers',
      'POST /v1/payments/batch',
      'GET /v1/accounts/{id}/history',
      'GET /v1/accounts/{id}/balance',
      'GET /v1/audit',
      'GET /healthz',
      'GET /readyz',
      'GET /metrics',
    ]
    const routes = documented().map(([path, method]) => `${method.toUpperCase()} ${path}`)
    expect(routes).toEqual(expect.arrayContaining(promised))
    expect(routes).toHaveLength(operations.length)
  })

  it('says exactly what the server answers to, both ways', async () => {
    for (const [path, method] of documented()) {
      const { status } = await kit.call(method.toUpperCase(), path.replace('{id}', 'p0-1'))
      expect([path, method, status]).not.toEqual([path, method, 405])
    }
    const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
    for (const [path, objects] of Object.entries(document.paths)) {
      for (const method of methods) {
        // The path of a batch is also that of a payment with this id.
        const also = path === '/v1/payments/batch' && method === 'GET'
        const known = also || Object.hasOwn(objects, method.toLowerCase())
        const { status } = await kit.call(method, path.replace('{id}', 'p0-1'))
        expect([path, method, status !== 405]).toEqual([path, method, known])
      }
    }
  })

  it('names every code of the table somewhere, and no other', () => {
    const named = new Set<string>()
    for (const [, , { responses }] of documented()) {
      for (const [status, response] of Object.entries(responses)) {
        const examples = response.content?.['application/problem+json']?.examples ?? {}
        for (const code of Object.keys(examples)) {
          named.add(code)
          expect(httpCodes[code as Code].status).toBe(Number(status))
        }
        if (response.$ref !== undefined) named.add('method_not_allowed')
      }
    }
    // Given before any operation is reached, or never by the payment domain.
    const elsewhere = ['headers_too_large', 'unknown_kind', 'unknown_command']
    expect([...named, ...elsewhere].sort()).toEqual(Object.keys(httpCodes).sort())
  })

  it('gives each operation its codes, its key, its scope', () => {
    for (const spec of operations) {
      const object = document.paths[spec.path]![spec.method.toLowerCase()]!
      const codes = Object.values(object.responses).flatMap((response) =>
        Object.keys(response.content?.['application/problem+json']?.examples ?? {}),
      )
      expect(codes.sort()).toEqual([...codesOf(spec)].sort())
      const keyed = object.parameters.some(({ $ref }) => $ref?.endsWith('/IdempotencyKey') === true)
      expect([spec.id, keyed]).toEqual([spec.id, spec.keyed === true])
      expect(object.operationId).toBe(spec.id)
    }
    expect(new Set(operations.map(({ id }) => id)).size).toBe(operations.length)
  })

  it('shows examples that are what they show', () => {
    const ajv = new Ajv2020({ strict: false })
    ajv.addFormat('iso-4217', isCurrency)
    ajv.addFormat('moment', (text: string) => parseMoment(text) !== undefined)
    ajv.addFormat('date-time', (text: string) => parseMoment(text) !== undefined)
    ajv.addFormat('uri', (text: string) => URL.canParse(text))
    ajv.addSchema(document, 'document')
    const check = (media: Media, where: string) => {
      const resolved = JSON.stringify(media.schema).replaceAll('"#/', '"document#/')
      const validate = ajv.compile(JSON.parse(resolved) as object)
      const shown = [
        ...(media.example === undefined ? [] : [media.example]),
        ...Object.values(media.examples ?? {}).map(({ value }) => value),
      ]
      expect([where, shown.length > 0]).toEqual([where, true])
      for (const example of shown) {
        expect([where, validate(example), validate.errors]).toEqual([where, true, null])
      }
    }
    for (const [path, method, object] of documented()) {
      for (const body of [object.requestBody, ...Object.values(object.responses)]) {
        for (const media of Object.values(body?.content ?? {})) check(media, `${method} ${path}`)
      }
    }
  })
})
