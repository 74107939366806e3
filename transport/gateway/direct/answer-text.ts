/**
 * Answers as they go onto a socket: the headers Node's server writes, in its order and spelling.
 *
 * D4. An answer of a direct connection can't be told from one of the server.
 */
import { STATUS_CODES } from 'node:http'

let secondKept = -1
let dateText = ''

/** The header Date, which changes once a second. */
function dateLine(): string {
  const second = Math.floor(Date.now() / 1000)
  if (second !== secondKept) {
    secondKept = second
    dateText = `Date: ${new Date(second * 1000).toUTCString()}\r\n`
  }
  return dateText
}

/** How an answer leaves its connection. */
export function connectionLines(keepAliveMs: number, close: boolean): string {
  if (close) return 'Connection: close\r\n\r\n'
  return `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAliveMs / 1000)}\r\n\r\n`
}

/** What an answer consists of beside its body. */
export interface AnswerHead {
  readonly status: number
  /** Lines before Content-Type, each with its end. */
  readonly headers: string
  readonly contentType: string
  /** From {@link connectionLines}. */
  readonly connection: string
}

/** Writes an answer in one piece. @returns false when the socket wants no more for now */
export function writeAnswer(
  socket: { write(text: string, encoding: 'latin1' | 'utf8'): boolean },
  head: AnswerHead,
  body: string,
): boolean {
  const bytes = Buffer.byteLength(body)
  const text = `HTTP/1.1 ${head.status} ${STATUS_CODES[head.status] ?? ''}\r\n${head.headers}content-type: ${head.contentType}\r\ncontent-length: ${bytes}\r\n${dateLine()}${head.connection}${body}`
  // As many bytes as characters: nothing but ASCII, which is written without a look at each character.
  return socket.write(text, bytes === body.length ? 'latin1' : 'utf8')
}
