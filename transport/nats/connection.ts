/**
 * One connection to NATS, with what the client leaves to its user.
 *
 * C2. Nothing is sent while the connection is down: the client would drop it silently. A request then
 *     fails at once, and those in flight fail when the loss is noticed, not at their time-out.
 * C3. What waits in memory to be sent is bounded; beyond it the bus loses.
 * C14. A login that is refused is said once the servers that were named have refused it.
 * C18. What the bus can't send, or may not, is lost, and told of once: whoever sends from a timer has nobody to
 *      throw to, and the server's word comes when the message is long gone.
 * C20. Why it stays down is found out and told (`outage.ts`); what the servers say meanwhile is told once.
 */
import {
  AuthorizationError,
  connect,
  createInbox,
  NoRespondersError,
  PermissionViolationError,
  RequestError,
  type ConnectionOptions,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  type Status,
  TimeoutError,
} from '@nats-io/transport-node'
import { isInbox } from './inbox.js'
import { expiredAt } from './login-expiry.js'
import { Outage } from './outage.js'
import { connectionOptions, requestTimeoutMsDefault, type NatsOptions } from './options.js'
import { NatsRefused, NatsUnreachable } from './port.js'
import { tlsTrouble, wantsCertificate } from './tls-trouble.js'

/** Nobody listens at a subject: a stream between two leaders, no JetStream, or no such listener. */
export class NobodyListens extends NatsUnreachable {}

/** Bytes that may wait for the server before the bus loses: below what a server keeps for a slow one. */
const unsentBytesMax = 32 * 1024 * 1024
/** Bytes sent after which the connection asks whether they have left: asking costs a message each way. */
const askedAfterBytes = 1024 * 1024
/** What servers take in one message unless they are told otherwise. */
const payloadBytesDefault = 1024 * 1024
/** A closing connection waits this long for what it has said to arrive. */
const closingMs = 1_000

export class Connection {
  connected = true
  readonly requestTimeoutMs: number
  readonly client: NatsConnection
  private readonly options: NatsOptions
  private readonly listeners = new Set<(connected: boolean) => void>()
  private readonly inFlight = new Set<(error: Error) => void>()
  private unsentBytes = 0
  private flushing = false
  private toldOfLost = false
  /** Subjects of the bus since it was connected, and whether it was told that they may not be published to. */
  private readonly published = new Map<string, boolean>()
  /** What the servers said since the connection broke. */
  private readonly saidWhileDown = new Set<string>()
  private readonly outage: Outage

  /** @param whyNot tries to connect, and tells what hinders it */
  constructor(
    client: NatsConnection,
    options: NatsOptions,
    whyNot: () => Promise<Error | undefined>,
  ) {
    this.outage = new Outage({ whyNot, tell: (sentence) => this.problem(sentence) })
    this.client = client
    this.options = options
    this.requestTimeoutMs = options.requestTimeoutMs ?? requestTimeoutMsDefault
    void this.follow()
  }

  /** What the server this connection is at takes in one message. */
  get payloadBytesMax(): number {
    return this.client.info?.max_payload ?? payloadBytesDefault
  }

  /** @returns a function that stops it */
  onConnection(listener: (connected: boolean) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** A subject that only this connection hears. */
  inbox(): string {
    return createInbox(this.options.inboxPrefix)
  }

  /** Tells the operator. */
  problem(sentence: string): void {
    this.options.onProblem?.(sentence)
  }

  /** @throws NatsUnreachable, NatsRefused nats_permission */
  request(subject: string, bytes: Uint8Array, timeoutMs: number, headers?: MsgHdrs): Promise<Msg> {
    if (!this.connected) return Promise.reject(unreachable(subject, 'the connection is down'))
    return new Promise((resolve, reject) => {
      this.inFlight.add(reject)
      const options = { timeout: timeoutMs, ...(headers === undefined ? {} : { headers }) }
      this.client
        .request(subject, bytes, options)
        .finally(() => this.inFlight.delete(reject))
        .then(resolve, (error: unknown) => reject(errorOfRequest(subject, error)))
    })
  }

  /** Sends without a promise (A3, C18). */
  publish(subject: string, bytes: Uint8Array): void {
    this.send(subject, bytes)
  }

  /** Asks for any number of answers to a subject; lost when the connection is down. */
  ask(subject: string, bytes: Uint8Array, reply: string): void {
    this.send(subject, bytes, { reply })
  }

  private send(subject: string, bytes: Uint8Array, options?: { reply: string }): void {
    if (!this.connected || this.unsentBytes > unsentBytesMax) return
    try {
      this.client.publish(subject, bytes, options)
    } catch (error) {
      if (!this.client.isClosed()) this.lost(subject, bytes, error)
      return
    }
    // Each answer goes to an inbox of its own.
    if (!isInbox(subject) && !this.published.has(subject)) this.published.set(subject, false)
    this.unsentBytes += bytes.length
    if (!this.flushing && this.unsentBytes > askedAfterBytes) void this.flush()
  }

  /** C18 */
  private lost(subject: string, bytes: Uint8Array, error: unknown): void {
    if (this.toldOfLost) return
    this.toldOfLost = true
    const max = this.client.info?.max_payload ?? Infinity
    const why =
      bytes.length > max
        ? tooLarge(bytes.length, max)
        : error instanceof Error
          ? error.message
          : String(error)
    this.problem(`A message to ${subject} is dropped, and so are others like it: ${why}`)
  }

  async close(): Promise<void> {
    if (this.connected) {
      const flushed = this.client.flush().catch(() => undefined)
      let timer: NodeJS.Timeout | undefined
      const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, closingMs)))
      await Promise.race([flushed, patience])
      clearTimeout(timer)
    }
    this.turn(false)
    this.outage.stop()
    await this.client.close()
  }

  /** Learns how much has left: a pong comes after everything before its ping. */
  private async flush(): Promise<void> {
    this.flushing = true
    while (this.connected && this.unsentBytes > askedAfterBytes) {
      const sent = this.unsentBytes
      try {
        await this.client.flush()
        this.unsentBytes -= sent
      } catch {
        break
      }
    }
    this.flushing = false
    if (!this.connected) this.unsentBytes = 0
  }

  private async follow(): Promise<void> {
    for await (const status of this.client.status()) this.see(status)
    this.turn(false)
    this.outage.stop()
  }

  private see(status: Status): void {
    switch (status.type) {
      case 'disconnect':
      case 'close':
        this.turn(false)
        break
      case 'reconnect':
        this.unsentBytes = 0
        this.toldOfLost = false
        this.published.clear()
        this.saidWhileDown.clear()
        this.turn(true)
        break
      case 'error':
        this.seeError(status.error)
        break
      default:
    }
  }

  private seeError(error: Error): void {
    if (error instanceof PermissionViolationError) {
      // Of a request its sender hears by himself.
      if (this.published.get(error.subject) !== false) return
      this.published.set(error.subject, true)
      this.problem(`${notPermitted(error).message} What is sent there is lost.`)
      return
    }
    const { message } = error
    if (!this.connected) {
      // A login that is refused is refused at every try: the outage tells of it.
      if (error instanceof AuthorizationError || this.saidWhileDown.has(message)) return
      this.saidWhileDown.add(message)
    }
    this.problem(`NATS says: ${message}.`)
  }

  private turn(connected: boolean): void {
    if (this.connected === connected) return
    this.connected = connected
    if (connected) this.outage.end()
    else {
      this.outage.begin()
      for (const fail of [...this.inFlight]) fail(unreachable('a request', 'the connection broke'))
    }
    for (const listener of [...this.listeners]) listener(connected)
  }
}

/** @throws NatsUnreachable, NatsRefused */
export async function openConnection(options: NatsOptions): Promise<Connection> {
  const how = connectionOptions(options)
  try {
    if (options.onlyTheseServers !== true) await knock(how)
    const whyNot = (): Promise<Error | undefined> =>
      knock(how).then(
        () => undefined,
        (error: unknown) => explained(options, error),
      )
    return new Connection(await connect(how), options, whyNot)
  } catch (error) {
    throw await explained(options, error)
  }
}

async function explained(
  { servers, credentialsFile }: NatsOptions,
  error: unknown,
): Promise<Error> {
  // The client's words for a server that hangs up before it says anything.
  const hungUp = error instanceof Error && error.message.includes('undefined error')
  if (hungUp || error instanceof TimeoutError) return errorOfSilence(servers, error)
  return errorOfConnecting(servers.join(', '), error, credentialsFile)
}

/**
 * Finds out whether the servers let this user in. Servers name each other before they refuse a login,
 * and the client would go on to the next of them for ever.
 */
async function knock(how: ConnectionOptions): Promise<void> {
  const client = await connect({ ...how, ignoreClusterUpdates: true })
  await client.close()
}

async function errorOfSilence(servers: readonly string[], error: Error): Promise<Error> {
  const names = servers.join(', ')
  const want = await Promise.all(servers.map(wantsCertificate))
  if (want.includes(true)) {
    return new NatsRefused(
      'nats_login',
      `NATS at ${names} takes only clients with a TLS certificate, and not this one; show one that its authority has signed and whose time is not over.`,
      { cause: error },
    )
  }
  return new NatsUnreachable(
    `NATS does not answer at ${names}; check that the address is one of NATS, whether its TLS comes first, and whether it has as many connections as it may (max_connections).`,
    { cause: error },
  )
}

function errorOfConnecting(servers: string, given: unknown, credentialsFile?: string): Error {
  const error = given instanceof Error ? given : new Error(String(given))
  const { message } = error
  const cause = { cause: error }
  if (error instanceof AuthorizationError || /authoriz|authentic/i.test(message)) {
    const over = credentialsFile === undefined ? undefined : expiredAt(credentialsFile, Date.now())
    const why =
      over === undefined
        ? `check the user, the credentials and the server's users.`
        : `its credentials (${credentialsFile}) expired at ${over.toISOString()}: have new ones signed, or put the clock right.`
    return new NatsRefused('nats_login', `NATS at ${servers} refuses this login; ${why}`, cause)
  }
  const trouble = tlsTrouble(error)
  if (trouble !== undefined) {
    return new NatsRefused(
      'nats_options',
      `The TLS connection to NATS at ${servers} fails: ${trouble}; check the TLS files and the server's.`,
      cause,
    )
  }
  return new NatsUnreachable(
    `NATS can't be reached at ${servers} (${message}); start it, or correct the address.`,
    cause,
  )
}

function errorOfRequest(subject: string, error: unknown): Error {
  const reason = error instanceof RequestError ? error.cause : error
  if (reason instanceof PermissionViolationError) return notPermitted(reason)
  if (reason instanceof NoRespondersError) {
    return new NobodyListens(`NATS: nobody answers at ${subject}.`, { cause: error })
  }
  if (reason instanceof TimeoutError) return unreachable(subject, 'no answer in time', error)
  const { message } = reason instanceof Error ? reason : new Error(String(reason))
  return unreachable(subject, message, error)
}

export function notPermitted(violation: PermissionViolationError): NatsRefused {
  const verb = violation.operation === 'publish' ? 'publish to' : 'subscribe to'
  return new NatsRefused(
    'nats_permission',
    `NATS does not let this user ${verb} "${violation.subject}"; give the user that permission, or use another user.`,
    { cause: violation },
  )
}

/** @param max bytes that the servers accept */
export function tooLarge(length: number, max: number): string {
  return `A message of ${length} bytes is larger than the servers accept (${max}); raise max_payload in their configuration.`
}

function unreachable(subject: string, reason: string, cause?: unknown): NatsUnreachable {
  return new NatsUnreachable(`NATS: ${subject}: ${reason}.`, { cause })
}
