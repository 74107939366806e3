/**
 * What the HTTP parser could not read, or what took too long to come: told to the client, unless that
 * would be taken for the answer to something else.
 *
 *   bytes on the connection            what the client gets
 *   ──────────────────────────────     ─────────────────────────────────────────────────────
 *   broken head, all else answered     the problem, then the end
 *   request at work, broken behind     its answer with Connection: close, then the end
 *   body gathered, broken in it        the problem in its place, as from any other refusal
 *   body read as a stream, broken      answers to what was read, then the connection is cut
 *   body of an answered request        the end
 *
 * X1. Nothing is written to a connection while a request of it is unanswered or its answer is leaving:
 *     a problem says `not_executed`, and there it would say so of what may have been done.
 * X2. Answers that wait still leave, in order; nothing that comes behind them is done.
 * X3. An operation that reads its request as a stream sees it end where it broke; `brokeOff` tells, and
 *     its answer must not end as a whole one.
 */
import { ServerResponse, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import {
  GatewayRefusal,
  problemContentType,
  problemFor,
  problemHeaders,
} from './problem/problem.js'

const newest = Symbol('newest response')

interface NotedSocket extends Socket {
  [newest]?: GatewayResponse
}

/**
 * A response that its connection knows. Answers leave in the order of their requests, so the newest one
 * tells whether all have left, for one assignment a request.
 */
export class GatewayResponse<
  Request extends IncomingMessage = IncomingMessage,
> extends ServerResponse<Request> {
  /** The connection ends with this answer: what came behind it could not be read. */
  closes = false
  /** The body of the request ended before its end. */
  brokeOff = false

  /** All arguments are passed on: Node gives one more than its types name. */
  constructor(...args: [request: Request]) {
    super(...args)
    const socket: NotedSocket = args[0].socket
    socket[newest] = this
  }
}

/** Whether the request of an answer ended in the middle of its body (X3). */
export function brokeOff(response: ServerResponse): boolean {
  return response instanceof GatewayResponse && response.brokeOff
}

/** Hears of every error of the parser, of silence, and of the socket's own errors. */
export function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) {
    socket.destroy()
    return
  }
  const response = (socket as NotedSocket)[newest]
  // Each piece that comes behind the broken one is an error again.
  if (response?.closes === true) return
  if (!socket.writable) {
    socket.destroy()
    return
  }
  if (response === undefined || (response.writableFinished && response.req.complete)) {
    endWithProblem(socket, brokenRequest(error.code))
    return
  }
  if (response.writableFinished) {
    socket.end()
    return
  }
  // After a time-out the parser would go on: what comes now must not be done.
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') socket.pause()
  endBehind(response, socket)
  if (!response.req.complete) endBody(response, brokenRequest(error.code))
}

/**
 * A tunnel to elsewhere is nothing we have. The parser has let the socket go, and the server does not
 * count it any more: nothing else ends it when a client takes no answer.
 * @param silenceMs ms without a byte until it is cut
 */
export function refuseConnect(socket: Socket, silenceMs: number): void {
  socket.on('error', () => {
    // The socket closes by itself; unheard, the event would end the process.
  })
  socket.setTimeout(Math.max(1, silenceMs), () => {
    socket.destroy()
  })
  const response = (socket as NotedSocket)[newest]
  if (response !== undefined && !response.writableFinished) {
    endBehind(response, socket)
    return
  }
  const allow = { allow: 'GET, HEAD, POST, PUT' }
  const refusal = new GatewayRefusal('method_not_allowed', 'This server is no proxy.', allow)
  endWithProblem(socket, refusal)
  socket.destroySoon()
}

/** The connection ends when this answer has left. */
function endBehind(response: GatewayResponse, socket: Socket): void {
  response.closes = true
  if (!response.headersSent) response.setHeader('connection', 'close')
  response.once('finish', () => {
    socket.destroySoon()
  })
}

/** Tells who reads the body of a request that it ends here, broken. */
function endBody(response: GatewayResponse, error: Error): void {
  const { req } = response
  if (response.writableEnded) return
  if (response.headersSent) {
    response.brokeOff = true
    // Node cuts the connection at the end of a body that is not complete, with the answers that wait.
    req.complete = true
    req.push(null)
    return
  }
  // Nothing was done for a request whose body is still being gathered: it is refused in its turn.
  if (req.listenerCount('error') > 0) req.emit('error', error)
}

function endWithProblem(socket: Socket, error: GatewayRefusal): void {
  const problem = problemFor(error)
  const body = JSON.stringify(problem)
  const headers = Object.entries(problemHeaders(error, problem))
  socket.end(
    `HTTP/1.1 ${problem.status} ${problem.title}\r\n` +
      headers.map(([name, value]) => `${name}: ${value}\r\n`).join('') +
      `content-type: ${problemContentType}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n` +
      `connection: close\r\n\r\n${body}`,
  )
}

function brokenRequest(code: string | undefined): GatewayRefusal {
  if (code === 'HPE_HEADER_OVERFLOW') return new GatewayRefusal('headers_too_large')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new GatewayRefusal('request_timeout')
  const detail = 'The request is not HTTP/1.1 as RFC 9112 describes it.'
  return new GatewayRefusal('invalid_request', detail)
}
