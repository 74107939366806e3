/**
 * One connection whose payments are read directly from the socket: no parser, no request and response
 * objects, no streams. It reads, asks the bank, answers; who may and what is right is decided elsewhere.
 *
 *   fresh ──request──▶ asking ──answer──▶ idle ──request──▶ asking …
 *     └──anything else──▶ left ◀──anything else──┘
 *
 * D2. A connection is left to Node's server with every byte that was not answered, at most once and
 *     never while a request of it is at work; afterwards nothing here touches it.
 * D3. One request of a connection is at work, one piece of bytes waits behind it, and nothing is read
 *     while a client does not take its answers.
 */
import type { Socket } from 'node:net'
import type { Pay, PaymentView, Reply } from '../../../actors/index.js'

/**
 * - `fresh`: nothing has come yet
 * - `asking`: the bank has a request
 * - `idle`: between two requests
 * - `left`: Node's server has it, or it is closed
 */
export type DirectState = 'fresh' | 'asking' | 'idle' | 'left'

/** What a connection asks of the server it belongs to. */
export interface DirectOwner {
  /** Reads a request. @returns undefined when it is not one to be answered here */
  read(bytes: Buffer): Pay | undefined
  pay(request: Pay): Promise<Reply<PaymentView>>
  /** Answers. @returns false when the socket wants no more for now */
  answer(connection: DirectConnection, reply: Reply<PaymentView>): boolean
  answerProblem(connection: DirectConnection, error: unknown): boolean
  /** True when answers should be the last of their connection. */
  readonly closing: boolean
  /** Gives the socket to Node's server. */
  serve(socket: Socket): void
  forget(connection: DirectConnection): void
}

export class DirectConnection {
  readonly socket: Socket
  state: DirectState = 'fresh'
  /** `performance.now()` when the connection or its last request came. */
  since = performance.now()
  private readonly owner: DirectOwner
  private later: Buffer | undefined
  /** The client has said that it sends no more. */
  private ended = false

  constructor(socket: Socket, owner: DirectOwner) {
    this.socket = socket
    this.owner = owner
    socket.on('data', this.onData)
    socket.on('end', this.onEnd)
    socket.on('drain', this.onDrain)
    socket.on('error', this.onError)
    socket.on('close', this.onClose)
  }

  /** Whether an answer that is written now is the last one. */
  get last(): boolean {
    return this.ended || this.owner.closing
  }

  /** Leaves the connection to Node's server. No request may be at work. */
  leave(bytes?: Buffer): void {
    const { socket } = this
    this.forget()
    socket.off('data', this.onData)
    socket.off('end', this.onEnd)
    socket.off('drain', this.onDrain)
    socket.off('error', this.onError)
    socket.off('close', this.onClose)
    // Paused, so that what is put back waits for its new reader.
    socket.pause()
    if (bytes !== undefined) socket.unshift(bytes)
    this.owner.serve(socket)
    socket.resume()
  }

  private readonly onData = (bytes: Buffer): void => {
    // The last answer is on its way out: the client was told to ask elsewhere.
    if (this.state === 'left') return
    if (this.state === 'asking') {
      // A client that does not wait for its answer: Node's server does what comes next.
      this.later = bytes
      this.socket.pause()
      return
    }
    this.since = performance.now()
    const request = this.owner.read(bytes)
    if (request === undefined) {
      this.leave(bytes)
      return
    }
    this.state = 'asking'
    this.owner.pay(request).then(this.onReply, this.onFailure)
  }

  private readonly onReply = (reply: Reply<PaymentView>): void => {
    // Where the connection broke meanwhile nobody is told: who comes back asks with the same key.
    if (this.state === 'asking') this.answered(this.owner.answer(this, reply))
  }

  private readonly onFailure = (error: unknown): void => {
    if (this.state === 'asking') this.answered(this.owner.answerProblem(this, error))
  }

  private answered(taken: boolean): void {
    const { later } = this
    this.state = 'idle'
    this.since = performance.now()
    if (this.last) {
      this.state = 'left'
      this.socket.destroySoon()
    } else if (later !== undefined) {
      this.later = undefined
      this.leave(later)
    } else if (!taken) this.socket.pause()
  }

  private readonly onDrain = (): void => {
    this.socket.resume()
  }

  private readonly onEnd = (): void => {
    this.ended = true
    if (this.state !== 'asking') this.socket.end()
  }

  private readonly onError = (): void => {
    // The socket closes by itself; unheard, the event would end the process.
  }

  private readonly onClose = (): void => {
    this.forget()
  }

  private forget(): void {
    this.state = 'left'
    this.owner.forget(this)
  }
}
