/**
 * Requests to JetStream's own API and to streams, and what its answers mean.
 *
 * C4. "Nobody answers" means that a stream or the meta group has no leader right now. Only where nobody has
 *     answered so far, and the server says itself that it has no JetStream, there is none.
 * C5. Every question goes to the leader of the stream: no direct get, which a follower may answer.
 */
import {
  JetStreamApiCodes,
  type ApiError,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream'
import { headers } from '@nats-io/transport-node'
import { NobodyListens, tooLarge, type Connection } from './connection.js'
import { NatsRefused, NatsUnreachable, type Appended } from './port.js'

/** Answers that are none of the library's codes. */
const codes = {
  ...JetStreamApiCodes,
  streamNameInUse: 10058,
  wrongStream: 10060,
  tooManyReplicas: 10074,
  noSuitablePeers: 10005,
  noResources: 10023,
  accountFull: 10002,
  storeFull: 10047,
} as const

const utf8 = new TextEncoder()
const nothing = new Uint8Array(0)

/** A message as a stream gives it back. */
export interface StoredMessage {
  readonly sequence: number
  readonly subject: string
  readonly bytes: Buffer
  /** Raw header lines; '' when there are none. */
  readonly headers: string
  /** When it was stored, ms since 1970 by the clock of the stream's leader. */
  readonly created: number
}

interface StoredReply {
  readonly message: { subject: string; seq: number; time: string; hdrs?: string; data?: string }
}

interface StreamNames {
  readonly streams?: readonly string[] | null
  readonly total: number
}

export class JetStreamApi {
  readonly connection: Connection
  /** True once somebody was there: a server without JetStream may reach others that have it. */
  private hasAnswered = false

  constructor(connection: Connection) {
    this.connection = connection
  }

  /** @returns undefined when there is no such stream */
  async streamInfo(name: string): Promise<StreamInfo | undefined> {
    return this.ask<StreamInfo>(`STREAM.INFO.${name}`, undefined, [codes.StreamNotFound])
  }

  /** Names of all streams that take subjects of a pattern; servers name so many at once. */
  async streamNames(subject: string): Promise<readonly string[]> {
    const names: string[] = []
    for (;;) {
      const question = { subject, offset: names.length }
      const page = await this.ask<StreamNames>('STREAM.NAMES', question, [])
      names.push(...(page?.streams ?? []))
      if (page === undefined || !page.streams?.length || names.length >= page.total) return names
    }
  }

  /** Makes a stream. @returns undefined when somebody else has just made it otherwise */
  async makeStream(
    config: Partial<StreamConfig> & { name: string },
  ): Promise<StreamInfo | undefined> {
    return this.ask<StreamInfo>(`STREAM.CREATE.${config.name}`, config, [codes.streamNameInUse])
  }

  /** A message, by whatever names it. @returns undefined when there is none */
  async message(stream: string, which: object): Promise<StoredMessage | undefined> {
    const reply = await this.ask<StoredReply>(`STREAM.MSG.GET.${stream}`, which, [
      codes.NoMessageFound,
    ])
    if (reply === undefined) return undefined
    const { subject, seq, time, hdrs, data } = reply.message
    return {
      sequence: seq,
      subject,
      bytes: Buffer.from(data ?? '', 'base64'),
      headers: hdrs === undefined ? '' : Buffer.from(hdrs, 'base64').toString(),
      created: Date.parse(time),
    }
  }

  async purge(stream: string, upTo: number): Promise<void> {
    await this.ask(`STREAM.PURGE.${stream}`, { seq: upTo + 1 }, [])
  }

  /**
   * Stores a message under conditions, once: nothing is sent again.
   * @throws NatsRefused when it can't be stored at all
   */
  async append(
    stream: string,
    subject: string,
    bytes: Uint8Array,
    conditions: Readonly<Record<string, string>>,
  ): Promise<Appended> {
    const { connection } = this
    const conditioned = headers()
    conditioned.set('Nats-Expected-Stream', stream)
    for (const [name, value] of Object.entries(conditions)) conditioned.set(name, value)
    this.checkSize(bytes)
    try {
      const reply = await connection.request(
        subject,
        bytes,
        connection.requestTimeoutMs,
        conditioned,
      )
      return appendedOf(reply.json<{ seq?: number; error?: ApiError }>())
    } catch (error) {
      if (!(error instanceof NatsUnreachable)) throw error
      return { outcome: 'unknown', reason: error.message }
    }
  }

  /**
   * A request to the API.
   * @param absent codes that mean: there is none
   * @throws NatsUnreachable, NatsRefused
   */
  async ask<T>(
    what: string,
    question: object | undefined,
    absent: readonly number[],
    timeoutMs = this.connection.requestTimeoutMs,
  ): Promise<T | undefined> {
    const { connection } = this
    const bytes = question === undefined ? nothing : utf8.encode(JSON.stringify(question))
    try {
      const reply = await connection.request(`$JS.API.${what}`, bytes, timeoutMs)
      const answer = reply.json<T & { error?: ApiError }>()
      this.hasAnswered = true
      if (answer.error === undefined) return answer
      if (absent.includes(answer.error.err_code)) return undefined
      throw errorOfApi(what, answer.error)
    } catch (error) {
      if (error instanceof NobodyListens) throw this.nobody(error)
      throw error
    }
  }

  private nobody(error: NobodyListens): Error {
    if (this.hasAnswered || this.connection.client.info?.jetstream === true) {
      return new NatsUnreachable(
        'NATS: the stream has no leader at present; its servers are electing one, or too few are up.',
        { cause: error },
      )
    }
    return new NatsRefused(
      'nats_no_jetstream',
      'Neither this NATS server has JetStream, nor one that it reaches now; enable it in the configuration (jetstream { store_dir: … }), or start the servers that have it.',
    )
  }

  private checkSize(bytes: Uint8Array): void {
    const max = this.connection.client.info?.max_payload ?? Infinity
    if (bytes.length + headerBytes <= max) return
    throw new NatsRefused('nats_payload', tooLarge(bytes.length, max))
  }
}

/** Room for the conditions, which count as payload. */
export const headerBytes = 512

function appendedOf(reply: { seq?: number; error?: ApiError }): Appended {
  const { seq, error } = reply
  if (error === undefined) {
    if (seq === undefined || seq === 0)
      return { outcome: 'unknown', reason: 'a reply without sense' }
    return { outcome: 'appended', sequence: seq }
  }
  switch (error.err_code) {
    // The leader said so before it proposed anything, and nothing is sent twice: definite.
    case codes.StreamWrongLastSequence:
    case codes.StreamWrongLastSequenceUnknown:
      return { outcome: 'conflict' }
    case codes.wrongStream:
      throw new NatsRefused(
        'nats_settings',
        `Another stream takes this subject (${error.description}); remove it, or choose another cluster name.`,
      )
    default:
      return { outcome: 'unknown', reason: whyNotStored(error) }
  }
}

/** Why a message was not stored, and what to do where that does not pass by itself. */
function whyNotStored({ err_code, description }: ApiError): string {
  const said = `${description} (${err_code})`
  switch (err_code) {
    case codes.accountFull:
      return `the JetStream account has no room left: ${said}; raise its limits, or remove streams that nobody needs`
    case codes.noResources:
    case codes.storeFull:
      return `the servers have no room left for JetStream: ${said}; make room, or raise max_file_store`
    default:
      return said
  }
}

function errorOfApi(what: string, error: ApiError): Error {
  const said = `${error.description} (${error.err_code})`
  switch (error.err_code) {
    case codes.JetStreamNotEnabledForAccount:
      return new NatsRefused(
        'nats_no_jetstream',
        'JetStream is not enabled for this NATS account; enable it there (jetstream: enabled).',
      )
    case codes.tooManyReplicas:
    case codes.noSuitablePeers:
      return new NatsRefused(
        'nats_settings',
        `NATS has too few servers for the replicas asked for: ${said}; start more, or ask for fewer.`,
      )
    case codes.StreamNotFound:
      return new NatsRefused(
        'nats_settings',
        `A stream is gone that was there before (${what}: ${said}); restore it from its backup.`,
      )
    default:
      // 503 and the like pass; so may what is unknown, and asking again does no harm.
      return new NatsUnreachable(`NATS: ${what}: ${said}.`)
  }
}
