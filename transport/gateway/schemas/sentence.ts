/** From what the schema validator found to one sentence a person can act on. */
import type { Schema } from './schema.js'

/** The part of a validator's finding that is read here. */
export interface ValidationProblem {
  readonly keyword: string
  readonly instancePath: string
  readonly params: Record<string, unknown>
  readonly message?: string
  readonly parentSchema?: Schema
}

const shownCharactersMax = 64

/** One sentence for the first finding. */
export function sentenceOf(problems: readonly ValidationProblem[]): string {
  const problem = problems[0]
  if (problem === undefined) return 'The request is not as it should be.'
  const place = placeOf(problem.instancePath)
  const { params } = problem
  switch (problem.keyword) {
    case 'required':
      return `The field "${inside(place, shown(params['missingProperty']))}" is missing.`
    case 'additionalProperties':
      return `The field "${inside(place, shown(params['additionalProperty']))}" is unknown.`
    case 'type':
      return `${subject(place)} must be ${typeWords(problem)}.`
    case 'minimum':
    case 'maximum':
      return `${subject(place)} must be ${rangeWords(problem.parentSchema)}.`
    case 'enum':
      return `${subject(place)} must be one of ${quotedList(params['allowedValues'])}.`
    case 'minItems':
    case 'maxItems':
      return `${subject(place)} must have ${rangeOf(problem.parentSchema, 'Items')} entries.`
    case 'pattern':
    case 'format':
    case 'minLength':
    case 'maxLength':
      return `${subject(place)} must be ${textWords(problem.parentSchema)}.`
    default:
      return `${subject(place)} ${problem.message ?? 'is not as it should be'}.`
  }
}

/** Text of a request as it may be repeated in an answer: short, printable, without quotes. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : String(value)
  const cut = text.length > shownCharactersMax ? `${text.slice(0, shownCharactersMax)}…` : text
  return cut.replace(/[\p{C}"\\]/gu, '?')
}

/** `/legs/0/amount` → `legs[0].amount`; '' for the whole. */
function placeOf(path: string): string {
  return path
    .split('/')
    .slice(1)
    .map((part, i) => (/^\d+$/.test(part) ? `[${part}]` : i === 0 ? part : `.${part}`))
    .join('')
}

function inside(place: string, field: string): string {
  return place === '' ? field : `${place}.${field}`
}

function subject(place: string): string {
  return place === '' ? 'The body' : `"${place}"`
}

function typeWords(problem: ValidationProblem): string {
  switch (problem.params['type']) {
    case 'integer':
      return rangeWords(problem.parentSchema)
    case 'object':
      return 'a JSON object'
    case 'array':
      return 'a list'
    case 'boolean':
      return 'true or false'
    case 'string':
      return textWords(problem.parentSchema)
    default:
      return `of type ${shown(problem.params['type'])}`
  }
}

function rangeWords(schema: Schema | undefined): string {
  return `a whole number ${rangeOf(schema, '')}`
}

function rangeOf(schema: Schema | undefined, what: 'Items' | ''): string {
  const min = what === '' ? schema?.['minimum'] : schema?.['minItems']
  const max = what === '' ? schema?.['maximum'] : schema?.['maxItems']
  return what === '' ? `from ${shown(min)} to ${shown(max)}` : `${shown(min)} to ${shown(max)}`
}

/** Schemas of texts say in their description what the text must be. */
function textWords(schema: Schema | undefined): string {
  const rule = schema?.['x-rule']
  return typeof rule === 'string' ? rule : 'a text of the documented form'
}

function quotedList(values: unknown): string {
  return Array.isArray(values) ? values.map((value) => `"${shown(value)}"`).join(', ') : ''
}
