/**
 * The validator of requests, behind our own options: it changes nothing and guesses nothing.
 *
 * V1. Bodies are taken as they are: no type is coerced, no field removed, no default filled in.
 * V2. Numbers of a query are whole, written with digits only, without leading zeros.
 */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import type { FastifySchemaCompiler } from 'fastify'
import { isCurrency } from '../../../actors/index.js'
import { parseMoment } from '../request/moment.js'
import type { Schema } from './schema.js'

/** Says whether a value is as its schema has it; `errors` says why the last one was not. */
export interface Validator<T = unknown> {
  (value: unknown): value is T
  errors: ErrorObject[] | null
}

/** Makes a validator of requests. */
function requestValidator(): Ajv {
  const ajv = new Ajv({
    strict: true,
    allErrors: false,
    coerceTypes: false,
    removeAdditional: false,
    useDefaults: false,
    unicodeRegExp: true,
    // Findings carry the schema that was not met; sentences are made from it.
    verbose: true,
    // The schemas are ours, and the document they stand in is tested.
    meta: false,
    validateSchema: false,
  })
  ajv.addVocabulary(['x-rule'])
  ajv.addFormat('iso-4217', isCurrency)
  ajv.addFormat('moment', (text: string) => parseMoment(text) !== undefined)
  return ajv
}

let ajv: Ajv | undefined

/** The validator of a schema, compiled when it is first asked: a start compiles none. */
export function validatorOf<T>(schema: Schema): Validator<T> {
  let compiled: ValidateFunction<T> | undefined
  const validate = (value: unknown): value is T => {
    compiled ??= (ajv ??= requestValidator()).compile<T>(schema)
    const valid = compiled(value)
    validate.errors = compiled.errors ?? null
    return valid
  }
  validate.errors = null as ErrorObject[] | null
  return validate
}

/** What the framework asks for each schema of a route. */
export const validatorCompiler: FastifySchemaCompiler<Schema> = ({ schema, httpPart }) => {
  const validate = validatorOf(schema)
  return httpPart === 'querystring' ? queryValidator(schema, validate) : validate
}

const wholeNumber = /^(?:0|[1-9][0-9]{0,15})$/

/** Turns the numbers of a query into numbers, then validates it. */
function queryValidator(schema: Schema, validate: Validator) {
  const properties = (schema['properties'] ?? {}) as Record<string, Schema>
  const numbers = Object.keys(properties).filter((name) => properties[name]?.['type'] === 'integer')
  const check = (query: Record<string, unknown>): boolean => {
    for (const name of numbers) {
      const text = query[name]
      if (typeof text === 'string' && wholeNumber.test(text)) query[name] = Number(text)
    }
    const valid = validate(query)
    check.errors = validate.errors
    return valid
  }
  check.errors = null as ErrorObject[] | null
  return check
}
