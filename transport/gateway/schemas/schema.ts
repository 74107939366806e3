/** JSON Schemas as plain data: what is validated, serialised and documented is one object. */

/** A JSON Schema (2020-12, the part OpenAPI 3.1 and the validator share). */
export interface Schema {
  readonly [keyword: string]: unknown
}

/** An object of exactly these fields. */
export function objectOf(
  required: Readonly<Record<string, Schema>>,
  optional: Readonly<Record<string, Schema>> = {},
): Schema {
  return {
    type: 'object',
    additionalProperties: false,
    required: Object.keys(required),
    properties: { ...required, ...optional },
  }
}

/** The same schema with a sentence of its own. */
export function described(schema: Schema, description: string): Schema {
  return { ...schema, description }
}
