/** JSON as it is kept in the bucket and sent on the bus: read with suspicion, written with fixed keys. */

const decoder = new TextDecoder('utf-8', { fatal: true })
const encoder = new TextEncoder()

export type Fields = Readonly<Record<string, unknown>>

export function toBytes(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value))
}

/** The fields of a JSON object; undefined when the bytes are none. */
export function fieldsOf(bytes: Uint8Array): Fields | undefined {
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes))
    return isFields(value) ? value : undefined
  } catch {
    return undefined
  }
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isWhole(
  value: unknown,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
}

/** Names of nodes and ids of members: good as a part of a key and of a subject. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9_=-]{1,128}$/.test(value)
}
