/**
 * Reads a request that is read directly: `POST /v1/payments` with a JSON body, whole and alone in one
 * piece of bytes. It is no HTTP parser: it knows what it is sure of, and leaves everything else to
 * Node's, which also says what is wrong with it.
 *
 * D1. What is accepted here, Node's parser reads the same; what is framed or encoded in any other way,
 *     repeated, folded or not plain ASCII is not accepted.
 */
import { gatewayLimits as limits } from '../limits.js'

/** What the gateway needs of a request. */
export interface DirectRequest {
  readonly host: string
  readonly authorization: string | undefined
  readonly idempotencyKey: string
  /** Where the body begins; it ends with the bytes. */
  readonly bodyStart: number
  /** The bytes as characters, each for itself; those of a long body not to its end. */
  readonly text: string
}

const requestLine = 'POST /v1/payments HTTP/1.1\r\n'
const carriageReturn = 0x0d
const lineFeed = 0x0a
const space = 0x20
const tab = 0x09

/** Characters of header names by code (tokens of RFC 9110). */
const nameCharacters = new Uint8Array(128)
for (const character of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  nameCharacters[character.charCodeAt(0)] = 1
}

/** Headers that are understood here; each may stand once. */
interface Head {
  host: string | undefined
  authorization: string | undefined
  contentLength: string | undefined
  contentType: string | undefined
  connection: string | undefined
  idempotencyKey: string | undefined
}

/** @returns undefined for what must be left to Node's parser */
export function readDirectRequest(bytes: Buffer): DirectRequest | undefined {
  const text = bytes.toString('latin1', 0, Math.min(bytes.length, limits.directHeadBytesMax))
  if (!text.startsWith(requestLine)) return undefined
  const head: Head = {
    host: undefined,
    authorization: undefined,
    contentLength: undefined,
    contentType: undefined,
    connection: undefined,
    idempotencyKey: undefined,
  }
  const bodyStart = readHeaders(text, requestLine.length, head)
  if (bodyStart < 0) return undefined
  const { host, authorization, idempotencyKey } = head
  if (host === undefined || idempotencyKey === undefined) return undefined
  if (!isPlainKey(idempotencyKey) || !isJson(head.contentType)) return undefined
  if (!keepsConnection(head.connection)) return undefined
  if (head.contentLength === undefined) return undefined
  // The number as it would be written: no sign, no zeros before it, no list.
  if (String(bytes.length - bodyStart) !== head.contentLength) return undefined
  return { host, authorization, idempotencyKey, bodyStart, text }
}

/** @returns where the body begins, −1 when the headers are not for here */
function readHeaders(text: string, from: number, head: Head): number {
  let at = from
  while (text.charCodeAt(at) !== carriageReturn) {
    const colon = endOfName(text, at)
    if (colon < 0) return -1
    const end = endOfValue(text, colon + 1)
    if (end < 0) return -1
    if (!keep(head, text.slice(at, colon).toLowerCase(), text, colon + 1, end)) return -1
    at = end + 2
  }
  return text.charCodeAt(at + 1) === lineFeed ? at + 2 : -1
}

/** @returns where the colon is, −1 when this is no name of a header */
function endOfName(text: string, start: number): number {
  for (let i = start; ; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x3a) return i === start ? -1 : i
    // Beyond the text the code is NaN, which no comparison lets through.
    if (!(code < 128) || nameCharacters[code] === 0) return -1
  }
}

/** @returns where the line ends, −1 when it holds anything but printable ASCII */
function endOfValue(text: string, start: number): number {
  for (let i = start; ; i++) {
    const code = text.charCodeAt(i)
    if (code === carriageReturn) return text.charCodeAt(i + 1) === lineFeed ? i : -1
    if (!(code >= space && code < 0x7f) && code !== tab) return -1
  }
}

/** Keeps a header. @returns false when the request is not for here */
function keep(head: Head, name: string, text: string, start: number, end: number): boolean {
  switch (name) {
    case 'host':
      if (head.host !== undefined) return false
      head.host = trimmed(text, start, end)
      return true
    case 'authorization':
      if (head.authorization !== undefined) return false
      head.authorization = trimmed(text, start, end)
      return true
    case 'content-length':
      if (head.contentLength !== undefined) return false
      head.contentLength = trimmed(text, start, end)
      return true
    case 'content-type':
      if (head.contentType !== undefined) return false
      head.contentType = trimmed(text, start, end)
      return true
    case 'connection':
      if (head.connection !== undefined) return false
      head.connection = trimmed(text, start, end)
      return true
    case 'idempotency-key':
      if (head.idempotencyKey !== undefined) return false
      head.idempotencyKey = trimmed(text, start, end)
      return true
    // They change how a message is framed or what becomes of its connection.
    case 'transfer-encoding':
    case 'content-encoding':
    case 'expect':
    case 'upgrade':
    case 'proxy-connection':
    case 'te':
    case 'trailer':
    case 'http2-settings':
      return false
    default:
      return true
  }
}

function trimmed(text: string, start: number, end: number): string {
  let from = start
  let to = end
  while (from < to && isBlank(text.charCodeAt(from))) from++
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

function isBlank(code: number): boolean {
  return code === space || code === tab
}

function isPlainKey(key: string): boolean {
  const { length } = key
  return length > 0 && length <= limits.idempotencyKeyCharactersMax && !key.includes('\t')
}

function isJson(type: string | undefined): boolean {
  return type === 'application/json' || type?.toLowerCase() === 'application/json; charset=utf-8'
}

function keepsConnection(connection: string | undefined): boolean {
  return connection === undefined || connection.toLowerCase() === 'keep-alive'
}
