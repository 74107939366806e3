/**
 * How to reach NATS and who to be there: options in the operator's words, made into those of the client.
 *
 * C1. A file that can't be read, or holds something else, is said by name before anything is connected.
 * C19. Files are read for every connection anew.
 * C13. Who asks for TLS, by a file or by an address that begins with `tls:`, never speaks in plain text:
 *      whoever sits between could else take the login.
 */
import { readFileSync } from 'node:fs'
import {
  credsAuthenticator,
  nkeyAuthenticator,
  nkeys,
  type Authenticator,
  type ConnectionOptions,
  type TlsOptions,
} from '@nats-io/transport-node'
import { isInboxPrefix } from './inbox.js'
import { NatsRefused } from './port.js'

export interface NatsOptions {
  /** Addresses such as `nats://host:4222`; one that answers is enough, the others are learnt. */
  readonly servers: readonly string[]
  /** What the servers' lists of connections show. @default suanpan */
  readonly name?: string
  readonly user?: string
  readonly password?: string
  readonly token?: string
  /** File that holds an nkey seed. */
  readonly nkeySeedFile?: string
  /** File that holds a JWT and a seed, as `nsc` writes it. */
  readonly credentialsFile?: string
  readonly tls?: NatsTlsFiles
  /** Where answers come to, when the user may not hear all inboxes; begins with _INBOX (C17). @default _INBOX */
  readonly inboxPrefix?: string
  /** Addresses of the servers' monitoring ports, such as `http://host:8222`: tells how they sync. */
  readonly monitoring?: readonly string[]
  /** True when addresses the servers tell of themselves can't be reached from here. @default false */
  readonly onlyTheseServers?: boolean
  /** ms until a request without a reply is given up. @default 2000 */
  readonly requestTimeoutMs?: number
  /** ms between two pings; two unanswered ones end the connection. @default 5000 */
  readonly pingMs?: number
  /** Told in a sentence what goes wrong beside any request. */
  readonly onProblem?: (sentence: string) => void
}

/** Files in PEM form. */
export interface NatsTlsFiles {
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
  /** True when the servers speak TLS before they say anything. @default false */
  readonly handshakeFirst?: boolean
}

/** A request that has no reply by then is given up: longer than any sync, shorter than patience. */
export const requestTimeoutMsDefault = 2_000
/** Two unanswered pings end a connection, so a silent one is found within 15 s. */
const pingMsDefault = 5_000
/** How long to wait before the same server is tried again. */
const reconnectWaitMs = 250

/** @throws NatsRefused nats_options */
export function connectionOptions(options: NatsOptions): ConnectionOptions {
  if (options.servers.length === 0) {
    throw new NatsRefused(
      'nats_options',
      'Name at least one NATS server, such as nats://host:4222.',
    )
  }
  const { inboxPrefix } = options
  if (inboxPrefix !== undefined && !isInboxPrefix(inboxPrefix)) {
    throw new NatsRefused(
      'nats_options',
      `Inboxes can't begin with "${inboxPrefix}": nodes answer only where the name begins with _INBOX, such as _INBOX_operator.`,
    )
  }
  const authenticator = authenticatorOf(options)
  const tls = tlsOf(options)
  return {
    servers: [...options.servers],
    name: options.name ?? 'suanpan',
    // A node that lost its connection for a while goes on; the client would give up after ten tries.
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: reconnectWaitMs,
    reconnectJitter: reconnectWaitMs,
    reconnectJitterTLS: reconnectWaitMs,
    pingInterval: options.pingMs ?? pingMsDefault,
    maxPingOut: 2,
    timeout: 5_000,
    // The client would make a stack trace for every request.
    noAsyncTraces: true,
    ignoreClusterUpdates: options.onlyTheseServers === true,
    ...(options.user === undefined ? {} : { user: options.user, pass: options.password ?? '' }),
    ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
    ...(options.token === undefined ? {} : { token: options.token }),
    ...(authenticator === undefined ? {} : { authenticator }),
    ...(tls === undefined ? {} : { tls }),
  }
}

function authenticatorOf(options: NatsOptions): Authenticator | undefined {
  const { user, token, nkeySeedFile, credentialsFile } = options
  const ways = [user, token, nkeySeedFile, credentialsFile].filter((way) => way !== undefined)
  if (ways.length > 1) {
    throw new NatsRefused(
      'nats_options',
      'Log in to NATS in one way: with user and password, a token, an nkey seed file or a credentials file.',
    )
  }
  if (credentialsFile !== undefined) {
    const credentials = new RenewedFile('credentials', credentialsFile, options, (content) => {
      const [, seed = ''] = seedInCredentials.exec(content) ?? []
      checkSeed('credentials', credentialsFile, seed)
    })
    return credsAuthenticator(() => utf8.encode(credentials.read()))
  }
  if (nkeySeedFile === undefined) return undefined
  const seed = new RenewedFile('nkey seed', nkeySeedFile, options, (content) => {
    checkSeed('nkey seed', nkeySeedFile, content.trim())
  })
  return nkeyAuthenticator(() => utf8.encode(seed.read().trim()))
}

/** What `nsc` writes: a JWT, and after it the seed that signs for it. */
const seedInCredentials = /BEGIN NATS USER JWT-+\s+\S+[^]+BEGIN USER NKEY SEED-+\s+(\S+)/
const utf8 = new TextEncoder()

/** @throws NatsRefused nats_options */
function checkSeed(what: string, path: string, seed: string): void {
  try {
    nkeys.fromSeed(utf8.encode(seed)).clear()
  } catch (error) {
    throw new NatsRefused(
      'nats_options',
      `The ${what} file ${path} holds no seed of a user; name the file that was written for this user.`,
      { cause: error },
    )
  }
}

/** @returns undefined when the servers may decide whether there is TLS */
function tlsOf(options: NatsOptions): TlsOptions | undefined {
  const { tls: files, servers } = options
  if (files === undefined) return servers.some((one) => /^tls:/i.test(one)) ? {} : undefined
  const { caFile, certFile, keyFile, handshakeFirst } = files
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new NatsRefused('nats_options', 'A TLS certificate and its key go together; name both.')
  }
  const tls: TlsOptions = { handshakeFirst: handshakeFirst === true }
  const named = [
    ['ca', 'TLS authority', caFile],
    ['cert', 'TLS certificate', certFile],
    ['key', 'TLS key', keyFile],
  ] as const
  for (const [name, what, path] of named) {
    if (path === undefined) continue
    const file = new RenewedFile(what, path, options)
    // The client looks at them for every connection it makes.
    Object.defineProperty(tls, name, { enumerable: true, get: () => file.read() })
  }
  return tls
}

/**
 * C19. A file that is read again for every connection: certificates and logins are renewed while a node runs.
 *      One that is unfit then is told of, and what it held before is used.
 */
class RenewedFile {
  private readonly what: string
  private readonly path: string
  private readonly options: NatsOptions
  private readonly check: (content: string) => void
  private content: string
  private told = false

  /** @throws NatsRefused nats_options */
  constructor(
    what: string,
    path: string,
    options: NatsOptions,
    check: (content: string) => void = () => undefined,
  ) {
    this.what = what
    this.path = path
    this.options = options
    this.check = check
    this.content = this.readNow()
  }

  read(): string {
    try {
      this.content = this.readNow()
      this.told = false
    } catch (error) {
      if (!this.told) {
        const { message } = error as Error
        this.options.onProblem?.(`${message} Until it is right, what it held before is used.`)
      }
      this.told = true
    }
    return this.content
  }

  /** @throws NatsRefused nats_options */
  private readNow(): string {
    const content = fileOf(this.what, this.path).toString()
    this.check(content)
    return content
  }
}

function fileOf(what: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const reason = code === 'ENOENT' ? 'there is no such file' : (code ?? String(error))
    throw new NatsRefused('nats_options', `The ${what} file ${path} can't be read: ${reason}.`, {
      cause: error,
    })
  }
}
