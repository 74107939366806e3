/**
 * What Suanpan asks of NATS, as one port: streams with compare-and-append, a bucket of keys with
 * compare-and-set, and a bus without promises. Real over `@nats-io/*` (`connect.ts`); a seeded one
 * stands in for it in simulation, with the same rules and worse manners.
 *
 * A1. An append or a put says `appended` only when it is replicated and durable as the stream is set.
 * A2. `conflict` is definite: nothing was stored. Everything else that is no success is `unknown`, and
 *     only the stream itself can settle it.
 * A3. The bus may lose, repeat, delay and reorder. What is published while disconnected is lost.
 */

/** Outcome of an append or a put. */
export type Appended =
  | { readonly outcome: 'appended'; readonly sequence: number }
  | { readonly outcome: 'conflict' }
  | { readonly outcome: 'unknown'; readonly reason: string }

/** Resolves when a reader may ask for the next piece – about a megabyte – of what it reads. */
export type NextPiece = () => Promise<void>

/** One stream: an append-only log with a dense sequence that starts at 1. */
export interface StreamLog {
  readonly name: string
  /** How many servers keep it. */
  readonly replicas: number
  /**
   * Appends when the last sequence is exactly `after`, else is a conflict.
   * At most one append of a writer may be in flight: the sequence counts messages, not writers.
   * @throws NatsRefused when it can't be stored at all: not permitted, or too large
   */
  append(bytes: Uint8Array, after: number): Promise<Appended>
  /** The message at a sequence, asked of the stream's leader; undefined when there is none. @throws NatsUnreachable */
  at(sequence: number): Promise<Uint8Array | undefined>
  /** Sequences of the oldest kept and the newest message, asked of the leader; an empty stream has first = last + 1. @throws NatsUnreachable */
  bounds(): Promise<{ readonly first: number; readonly last: number }>
  /**
   * Reads messages `from` to `to`, both included, in order and without gaps.
   * @param nextPiece awaited before each piece is asked for. @default nobody waits
   * @throws NatsUnreachable, MessageMissing
   */
  read(
    from: number,
    to: number,
    onMessage: (sequence: number, bytes: Uint8Array) => void,
    nextPiece?: NextPiece,
  ): Promise<void>
  /** Removes messages up to and including a sequence; the last sequence stays what it is. @throws NatsUnreachable */
  purge(upTo: number): Promise<void>
}

/** One key of a bucket. */
export interface KeyEntry {
  readonly key: string
  readonly value: Uint8Array
  /** Grows with every change of the bucket; names this change. */
  readonly revision: number
  /** When it was stored, ms since 1970 by the clock of the server that led the bucket. */
  readonly created: number
}

/** A bucket of keys. Reads and watches may be stale; only {@link KeyBucket.put} decides. */
export interface KeyBucket {
  /** How many servers keep it. */
  readonly replicas: number
  get(key: string): Promise<KeyEntry | undefined>
  /**
   * Sets a key when its revision is exactly `revision`; 0 means that the key must not exist.
   * @returns the new revision as `sequence`
   */
  put(key: string, value: Uint8Array, revision: number): Promise<Appended>
  /** Removes a key when its revision is exactly this. */
  remove(key: string, revision: number): Promise<Appended>
  /** The values of a key that are still kept, its present one included, oldest first; 64 are kept. */
  history(key: string): Promise<readonly KeyEntry[]>
  /**
   * Tells the newest change of every key under a prefix, then every change, in the order of revisions.
   * Survives reconnects: what was missed is told then. @returns a function that stops it
   */
  watch(prefix: string, onChange: (change: KeyChange) => void): () => void
}

/** A change of a key; `value` is undefined when it was removed. */
export interface KeyChange {
  readonly key: string
  readonly value: Uint8Array | undefined
  readonly revision: number
}

/** The bus: messages to whoever listens, at most once. */
export interface Bus {
  /** Bytes of the longest message the servers take now; what is longer is refused by a throw. */
  readonly payloadBytesMax: number
  publish(subject: string, bytes: Uint8Array): void
  /** @returns a function that stops listening */
  subscribe(subject: string, onMessage: (message: BusMessage) => void): () => void
  /** Asks one listener. @throws NatsUnreachable when nobody listens, or nobody answers in time */
  request(subject: string, bytes: Uint8Array, timeoutMs: number): Promise<Uint8Array>
}

export interface BusMessage {
  readonly subject: string
  readonly bytes: Uint8Array
  /** Answers a request; nothing when the message is none. */
  readonly respond: (bytes: Uint8Array) => void
}

/** How a stream or bucket is kept. */
export interface StreamSettings {
  /** Copies to keep; 0 opens only what is there already. */
  readonly replicas: number
}

/** What the server says of itself and of how safely it keeps things. */
export interface NatsFacts {
  readonly serverVersion: string
  readonly maxPayloadBytes: number
  /** Servers known, this one included. */
  readonly servers: number
  /** Whether every server syncs each write before it acknowledges; missing when they don't tell. */
  readonly syncAlways?: boolean
}

/** A connection to NATS. */
export interface Nats {
  readonly bus: Bus
  /** Opens a stream, and makes it when it is missing. @throws NatsUnreachable, NatsRefused */
  stream(name: string, settings: StreamSettings): Promise<StreamLog>
  /** Opens a bucket, and makes it when it is missing. @throws NatsUnreachable, NatsRefused */
  bucket(name: string, settings: StreamSettings): Promise<KeyBucket>
  /** Names of the streams that are a prefix, which ends with `_`, and one word more. @throws NatsUnreachable, NatsRefused */
  streamNames(prefix: string): Promise<readonly string[]>
  facts(): Promise<NatsFacts>
  /** False while the connection is down. */
  readonly connected: boolean
  onConnection(listener: (connected: boolean) => void): void
  close(): Promise<void>
}

/** NATS could not be asked, or did not answer in time. */
export class NatsUnreachable extends Error {
  readonly code = 'nats_unreachable'
}

/** A stream does not hold a message that was asked for: it was purged, or somebody removed it. */
export class MessageMissing extends Error {
  readonly code = 'nats_message_missing'
  constructor(
    readonly stream: string,
    readonly sequence: number,
  ) {
    super(`The stream ${stream} does not hold message ${sequence} any more.`)
  }
}

/** Why NATS can't be used as it is. Trying again does not help; the sentence says what does. */
export type NatsRefusedCode =
  | 'nats_permission'
  | 'nats_login'
  | 'nats_options'
  | 'nats_settings'
  | 'nats_missing'
  | 'nats_no_jetstream'
  | 'nats_payload'

/** NATS refuses, or is not set up as it has to be. */
export class NatsRefused extends Error {
  constructor(
    readonly code: NatsRefusedCode,
    sentence: string,
    options?: { cause?: unknown },
  ) {
    super(sentence, options)
  }
}
