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

type Compile = FastifySchemaCompiler<Schema>

/** Makes a validator; schemas are compiled once, before the first request. */
export function requestValidator(): Ajv {
  const ajv = new Ajv({
    strict: true,
    allErrors: false,
    coerceTypes: false,
    removeAdditional: false,
    useDefaults: false,
    unicodeRegExp: true,
    // Findings carry the schema that was not met; sentences are made from it.
    verbose: true,
  })
  ajv.addVocabulary(['x-rule'])
  ajv.addFormat('iso-4217', isCurrency)
  ajv.addFormat('moment', (text: string) => parseMoment(text) !== undefined)
  return ajv
}

/** What the framework asks for each schema of a route. */
export function validatorCompiler(ajv: Ajv): Compile {
  return ({ schema, httpPart }) => {
    const validate = ajv.compile(schema)
    if (httpPart !== 'querystring') return validate
    return queryValidator(schema, validate)
  }
}

const wholeNumber = /^(?:0|[1-9][0-9]{0,15})$/

/** Turns the numbers of a query into numbers, then validates it. */
function queryValidator(schema: Schema, validate: ValidateFunction) {
  const properties = (schema['properties'] ?? {}) as Record<string, Schema>
  const numbers = Object.keys(properties).filter((name) => properties[name]?.['type'] === 'integer')
  const check = (query: Record<string, unknown>): boolean => {
    for (const name of numbers) {
      const text = query[name]
      if (typeof text === 'string' && wholeNumber.test(text)) query[name] = Number(text)
    }
    const valid = validate(query)
    check.errors = validate.errors ?? null
    return valid
  }
  check.errors = null as ErrorObject[] | null
  return check
}
