/**
 * The connections whose payments are read directly. They stand before Node's server: each begins here,
 * and stays as long as it sends nothing but payments that are surely right, one at a time. One payment
 * through Node's server and the framework costs several times what the payment itself does.
 *
 * D1. Whatever is not such a payment, or is refused before the bank is asked, is left to Node's server
 *     untouched: there is one place that says what is wrong with a request.
 * D5. A connection that says nothing is answered or closed in the same time as by Node's server.
 */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Pay, PaymentView, Reply } from '../../../actors/index.js'
import { gatewayLimits as limits } from '../limits.js'
import type { RouteMeter } from '../metrics/route-meter.js'
import type { GatewayContext } from '../operation.js'
import { problemContentType, problemFor, problemHeaders } from '../problem/problem.js'
import { readJsonBytes } from '../request/json-body.js'
import { PlainPaymentReader } from '../request/plain-payment.js'
import { paymentText } from '../routes/payment-text.js'
import { payBody } from '../schemas/requests.js'
import { validatorOf } from '../schemas/validation.js'
import { fullAddress } from '../security/caller.js'
import type { Gate } from '../security/gate.js'
import { connectionLines, writeAnswer, type AnswerHead } from './answer-text.js'
import { DirectConnection, type DirectOwner } from './direct-connection.js'
import { readDirectRequest, type DirectRequest } from './request-head.js'

export interface DirectOptions {
  readonly context: GatewayContext
  readonly gate: Gate
  readonly meter: RouteMeter
  readonly bodyBytesMax: number
  readonly headersTimeoutMs: number
  readonly keepAliveMs: number
  /** Hears of errors before they are answered. */
  readonly report: (error: unknown, problem: ReturnType<typeof problemFor>) => void
  /** Answers a connection that never sent a request. */
  readonly timedOut: (socket: Socket) => void
}

type Served = (this: Server, socket: Socket) => void

const validatePay = validatorOf<Omit<Pay, 'idempotencyKey'>>(payBody)
const replayedLine = 'idempotent-replayed: true\r\n'

export class DirectConnections implements DirectOwner {
  private readonly server: Server
  private readonly options: DirectOptions
  private readonly context: GatewayContext
  /** What Node's server does with a connection. */
  private readonly served: readonly Served[]
  private readonly connections = new Set<DirectConnection>()
  private readonly payments = new PlainPaymentReader()
  private readonly plain: AnswerHead
  private readonly replayed: AnswerHead
  private sweep: NodeJS.Timeout | undefined

  /** Stands before a server from now on. */
  constructor(server: Server, options: DirectOptions) {
    this.server = server
    this.options = options
    this.context = options.context
    this.plain = {
      status: 201,
      headers: '',
      contentType: 'application/json; charset=utf-8',
      connection: connectionLines(options.keepAliveMs, false),
    }
    this.replayed = { ...this.plain, headers: replayedLine }
    this.served = server.listeners('connection') as Served[]
    server.removeAllListeners('connection')
    server.on('connection', (socket: Socket) => {
      this.connections.add(new DirectConnection(socket, this))
      this.sweep ??= setInterval(() => {
        this.look()
      }, limits.connectionCheckMs).unref()
    })
  }

  get closing(): boolean {
    return this.context.draining
  }

  read(bytes: Buffer): Pay | undefined {
    const { context, options } = this
    const request = readDirectRequest(bytes)
    if (request === undefined || context.draining) return undefined
    if (bytes.length - request.bodyStart > options.bodyBytesMax) return undefined
    try {
      const caller = options.gate.admit(request, 'pay')
      const pay = this.readPayment(bytes, request)
      if (pay === undefined || caller.paysAsAnyone) return pay
      return caller.owns(fullAddress(pay.payer, 'account')) ? pay : undefined
    } catch {
      // Node's server refuses it once more, and tells why.
      return undefined
    }
  }

  pay(request: Pay): Promise<Reply<PaymentView>> {
    return this.context.bank.keyed.pay(request)
  }

  answer(connection: DirectConnection, { value, replayed }: Reply<PaymentView>): boolean {
    const head = replayed ? this.replayed : this.plain
    this.options.meter.count(head.status, connection.since)
    return writeAnswer(connection.socket, this.headFor(connection, head), paymentText(value))
  }

  answerProblem(connection: DirectConnection, error: unknown): boolean {
    const problem = problemFor(error)
    this.options.report(error, problem)
    this.options.meter.count(problem.status, connection.since)
    const headers = Object.entries(problemHeaders(error, problem))
    const head: AnswerHead = {
      status: problem.status,
      headers: headers.map(([name, value]) => `${name}: ${value}\r\n`).join(''),
      contentType: problemContentType,
      connection: this.plain.connection,
    }
    return writeAnswer(connection.socket, this.headFor(connection, head), JSON.stringify(problem))
  }

  serve(socket: Socket): void {
    for (const listener of this.served) listener.call(this.server, socket)
  }

  forget(connection: DirectConnection): void {
    this.connections.delete(connection)
  }

  /** The gateway closes: answers to what is at work are the last ones, idle connections end. */
  drain(): void {
    clearInterval(this.sweep)
    for (const connection of this.connections) {
      // What comes on a new connection now is told that the gateway closes.
      if (connection.state === 'fresh') connection.leave()
      else if (connection.state === 'idle') connection.socket.destroy()
    }
  }

  /** Ends every connection at once. */
  cut(): void {
    for (const { socket } of this.connections) socket.destroy()
  }

  private readPayment(bytes: Buffer, request: DirectRequest): Pay | undefined {
    const { text, bodyStart, idempotencyKey } = request
    if (text.length === bytes.length) {
      const plain = this.payments.read({ bytes, text }, bodyStart, bytes.length, idempotencyKey)
      if (plain !== undefined) return plain
    }
    const value = readJsonBytes(bytes.subarray(bodyStart))
    return validatePay(value) ? { ...value, idempotencyKey } : undefined
  }

  private headFor(connection: DirectConnection, head: AnswerHead): AnswerHead {
    if (!connection.last) return head
    return { ...head, connection: connectionLines(this.options.keepAliveMs, true) }
  }

  private look(): void {
    const { headersTimeoutMs, keepAliveMs } = this.options
    const now = performance.now()
    for (const connection of this.connections) {
      const silentMs = now - connection.since
      if (connection.state === 'fresh' && silentMs >= headersTimeoutMs) {
        connection.state = 'left'
        this.options.timedOut(connection.socket)
      } else if (connection.state === 'idle' && silentMs >= keepAliveMs) {
        connection.socket.destroy()
      }
    }
  }
}
