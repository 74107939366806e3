/**
 * The time an idempotency key carries itself, where keys are configured to: UUID version 7
 * (RFC 9562) or ULID. A key older than the retention window can then be told from a new one.
 */

export const keyTimeFormats = ['none', 'uuidv7', 'ulid'] as const

/** What idempotency keys look like. */
export type KeyTimeFormat = (typeof keyTimeFormats)[number]

const ulidDigits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** @returns ms since 1970, or undefined when the key is not of this format */
export function keyTimeOf(key: string, format: 'uuidv7' | 'ulid'): number | undefined {
  if (format === 'uuidv7') {
    if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i.test(key)) {
      return undefined
    }
    return Number.parseInt(key.slice(0, 8) + key.slice(9, 13), 16)
  }
  if (!/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/i.test(key)) return undefined
  let time = 0
  for (const digit of key.slice(0, 10).toUpperCase()) time = time * 32 + ulidDigits.indexOf(digit)
  return time
}
