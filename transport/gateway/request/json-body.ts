/**
 * Strict reading of JSON: what two readers could understand differently is refused.
 *
 * B1. Bytes must be UTF-8; text must be JSON (RFC 8259) and nothing after it.
 * B2. A name may stand only once in an object: readers disagree about which of two counts.
 * B3. Numbers are whole and written with digits only: `35.00` and `1e3` are refused even where they
 *     mean a whole number, since in them a client's major units show.
 * B4. Nesting is bounded.
 */
import { isUtf8 } from 'node:buffer'
import { gatewayLimits } from '../limits.js'
import { invalidRequest } from '../problem/problem.js'
import { shown } from '../schemas/sentence.js'

const quote = 0x22
const backslash = 0x5c

/** Reads a body. @throws GatewayRefusal invalid_request */
export function readJsonBytes(bytes: Buffer): unknown {
  if (bytes.length === 0) throw invalidRequest('The body is empty; send a JSON object.')
  if (!isUtf8(bytes)) throw invalidRequest('The body is not UTF-8.')
  return readJson(bytes.toString('utf8'), 'The body')
}

/** Reads a text. @param subject begins the sentence of a refusal @throws GatewayRefusal */
export function readJson(text: string, subject: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    const position = /position (\d+)/.exec(String(error))?.[1]
    const place = position === undefined ? '' : `: it breaks at character ${Number(position) + 1}`
    throw invalidRequest(`${subject} is no JSON${place}.`)
  }
  const names = countNames(text, subject)
  if (names !== countFields(value)) throw invalidRequest(repeatedName(text, subject))
  return value
}

/** Counts the names in a text that is JSON, and checks B3 and B4 on the way. */
function countNames(text: string, subject: string): number {
  let names = 0
  let depth = 0
  let before = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    switch (c) {
      case quote:
        i = endOfString(text, i)
        break
      case 0x3a: // :
        names++
        break
      case 0x7b: // {
      case 0x5b: // [
        if (++depth > gatewayLimits.jsonDepthMax) {
          throw invalidRequest(
            `${subject} is nested deeper than ${gatewayLimits.jsonDepthMax} levels.`,
          )
        }
        break
      case 0x7d: // }
      case 0x5d: // ]
        depth--
        break
      case 0x2e: // .
        throw notWhole(text, i, subject)
      case 0x45: // E
      case 0x65: // e, also in true and false
        if (before >= 0x30 && before <= 0x39) throw notWhole(text, i, subject)
        break
      case 0x30: // 0
        if (before === 0x2d) throw notWhole(text, i, subject)
        break
    }
    before = c
  }
  return names
}

function endOfString(text: string, start: number): number {
  let i = start + 1
  for (let c = text.charCodeAt(i); c !== quote; c = text.charCodeAt(i)) i += c === backslash ? 2 : 1
  return i
}

/** Fields in a value: fewer than names when a name stood twice, since the last one wins. */
function countFields(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  let fields = 0
  if (Array.isArray(value)) {
    for (const item of value) fields += countFields(item)
    return fields
  }
  for (const name in value) {
    const field = (value as Record<string, unknown>)[name]
    fields += typeof field === 'object' ? 1 + countFields(field) : 1
  }
  return fields
}

function notWhole(text: string, at: number, subject: string): Error {
  let start = at
  while (start > 0 && /[-+.\deE]/.test(text.charAt(start - 1))) start--
  const literal = /^[-+.\deE]+/.exec(text.slice(start, start + 64))?.[0] ?? ''
  return invalidRequest(
    `${subject} has the number ${shown(literal)}; numbers here are whole and written with digits only (35.00 CNY is 3500).`,
  )
}

/** Which name stands twice: the slow way, for the sentence only. */
function repeatedName(text: string, subject: string): string {
  const open: Set<string>[] = []
  for (let i = 0; i < text.length; i++) {
    const c = text.charAt(i)
    if (c === '{') open.push(new Set())
    else if (c === '}') open.pop()
    if (c !== '"') continue
    const end = endOfString(text, i)
    const literal = text.slice(i, end + 1)
    i = end
    if (!/^\s*:/.test(text.slice(end + 1, end + 65))) continue
    const name = String(JSON.parse(literal))
    if (open.at(-1)?.has(name) === true) return `${subject} has the field "${shown(name)}" twice.`
    open.at(-1)?.add(name)
  }
  return `${subject} has a field twice.`
}
