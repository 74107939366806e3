/**
 * The links of one member to all others, over the bus: batches of requests, answers and messages, and
 * calls for what is no payment. At most once: exactly-once is made above, by keys, outboxes, cursors.
 *
 *   subject  sp.<cluster>.node.<member>.<channel>
 *   0     1         1+n       5+n
 *   ┌─────┬─────────┬─────────┬───────┐
 *   │  n  │ sender  │ map     │ batch │
 *   │     │ id      │ version │       │
 *   └─────┴─────────┴─────────┴───────┘
 *
 * NL1. Every batch says which version of the shard map its sender knows; who knows an older one looks
 *     the map up.
 * NL2. A batch that can not be read is dropped and told, and hurts nobody else: its sender sends again, or
 *     is of a release that should not be here. What is no envelope of ours has no sender, and is dropped.
 * NL3. No call ends a node, whatever becomes of its answer: one that fails, or that can't be sent, is
 *     answered with an error; one that is longer than the servers take goes in pieces (NL4). A batch
 *     that is too long is dropped and told.
 */
import { Buffer } from 'node:buffer'
import { pack, unpack, type Bus } from '../../transport/index.js'
import { LongAnswers, whole, type Piece } from './long-answers.js'

export const channels = ['requests', 'answers', 'peers', 'opened'] as const
export type Channel = (typeof channels)[number]

/** What arrives. */
export interface LinkListener {
  batch(channel: Channel, sender: string, bytes: Uint8Array): void
  /** Another member knows a newer map. */
  newerMap(version: number): void
  /** Answers a call with plain data. What it throws goes back as an error. */
  call(name: string, input: unknown): Promise<unknown>
  /** How this node is, as plain data. */
  vitals(): Promise<unknown>
  /** A batch could not be read, and so many more since this was told last. */
  unreadable(channel: Channel, sender: string, why: string, more: number): void
  /** A batch, or the answer to a call, could not be sent. */
  unsent(to: string, why: string): void
}

const callTimeoutMs = 5_000
/** Of batches that can't be read every so many one is told. */
const tellEvery = 1_000
/** The call for a piece of an answer that did not fit one message. */
const pieceCall = 'piece'
/** Bytes of a message that are no piece: what it is packed in. */
const pieceRoomBytes = 256
/** Letters of an error's message that are sent: they fit whatever servers take. */
const errorLettersMax = 400

/** What was asked; `inPieces` is missing where the asker is of a release that knows no pieces. */
interface Call {
  readonly name: string
  readonly input: unknown
  readonly inPieces: boolean
}

interface CallAnswer {
  readonly value?: unknown
  readonly error?: { readonly code: string; readonly message: string }
  /** In the place of a value: the first, or the next, piece of the packed answer. */
  readonly piece?: Piece
}

/** Subject of a member's channel. */
export function nodeSubject(cluster: string, member: string, channel: string): string {
  return `sp.${cluster}.node.${member}.${channel}`
}

/** A call that the other member refused or failed on. */
export class CallFailed extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message)
  }
}

export class NodeLink {
  private readonly bus: Bus
  private readonly cluster: string
  private readonly self: string
  private readonly mapVersion: () => number
  private readonly listener: LinkListener
  private readonly long = new LongAnswers()
  private readonly stops: (() => void)[] = []
  /** Batches that could not be read so far. */
  private unreadable = 0

  constructor(
    bus: Bus,
    cluster: string,
    self: string,
    mapVersion: () => number,
    listener: LinkListener,
  ) {
    this.bus = bus
    this.cluster = cluster
    this.self = self
    this.mapVersion = mapVersion
    this.listener = listener
    for (const channel of channels) {
      const stop = bus.subscribe(this.subject(self, channel), ({ bytes }) => {
        const envelope = openEnvelope(bytes)
        if (envelope === undefined) return
        if (envelope.mapVersion > this.mapVersion()) listener.newerMap(envelope.mapVersion)
        try {
          listener.batch(channel, envelope.sender, envelope.batch)
        } catch (error) {
          if (!(error instanceof RangeError) && !(error instanceof TypeError)) throw error
          this.tellUnreadable(channel, envelope.sender, error.message)
        }
      })
      this.stops.push(stop)
    }
    this.stops.push(
      // A subject of its own: whoever may only look may ask this.
      bus.subscribe(this.subject(self, 'vitals'), ({ respond }) => {
        this.respond('vitals', respond, async () => pack(await listener.vitals()))
      }),
      bus.subscribe(this.subject(self, 'calls'), ({ bytes, respond }) => {
        const call = callIn(bytes)
        if (call !== undefined) this.respond(call.name, respond, () => this.answerTo(call))
      }),
    )
  }

  send(member: string, channel: Channel, batch: Uint8Array): void {
    try {
      this.bus.publish(this.subject(member, channel), this.seal(batch))
    } catch (error) {
      // Thrown on, it would end the node for one batch, from within the turns of all shards.
      this.listener.unsent(channel, errorOf(error).message)
    }
  }

  /** Asks another member. @throws CallFailed, NatsUnreachable */
  async call(member: string, name: string, input?: unknown): Promise<unknown> {
    const answer = await this.ask(member, name, input)
    if (answer.piece === undefined) return answer.value
    const bytes = await whole(answer.piece, async (of, number) => {
      const { piece } = await this.ask(member, pieceCall, [of, number])
      if (piece === undefined) throw new CallFailed('internal_error', 'A piece was asked for.')
      return piece
    })
    return (unpack(bytes) as CallAnswer).value
  }

  private async ask(member: string, name: string, input: unknown): Promise<CallAnswer> {
    const question = pack([name, input, true])
    const bytes = await this.bus.request(this.subject(member, 'calls'), question, callTimeoutMs)
    const answer = unpack(bytes) as CallAnswer
    const { error } = answer
    if (error !== undefined) throw new CallFailed(error.code, error.message)
    return answer
  }

  /** Answers, with an error where there is no other answer (NL3). */
  private respond(
    name: string,
    respond: (bytes: Uint8Array) => void,
    answer: () => Promise<Uint8Array>,
  ): void {
    answer()
      .then(respond)
      .catch((error: unknown) => respond(pack({ error: errorOf(error) } satisfies CallAnswer)))
      .catch((error: unknown) => {
        this.listener.unsent(name, errorOf(error).message)
      })
  }

  private async answerTo({ name, input, inPieces }: Call): Promise<Uint8Array> {
    if (name === pieceCall) {
      const piece = this.long.piece(input)
      if (piece === undefined)
        throw new CallFailed('not_found', 'This answer is not kept any more; ask for it anew.')
      return pack({ piece } satisfies CallAnswer)
    }
    const answer = pack({ value: await this.listener.call(name, input) } satisfies CallAnswer)
    const bytesMax = this.bus.payloadBytesMax
    if (answer.length <= bytesMax) return answer
    if (!inPieces)
      throw new CallFailed('answer_too_long', `The answer is of ${answer.length} bytes.`)
    const piece = this.long.keep(answer, Math.max(1, bytesMax - pieceRoomBytes))
    return pack({ piece } satisfies CallAnswer)
  }

  close(): void {
    for (const stop of this.stops.splice(0)) stop()
  }

  /** Once in a while: one that sends such batches sends many. */
  private tellUnreadable(channel: Channel, sender: string, why: string): void {
    if (this.unreadable++ % tellEvery === 0)
      this.listener.unreadable(channel, sender, why, Math.min(this.unreadable, tellEvery) - 1)
  }

  private subject(member: string, channel: Channel | 'calls' | 'vitals'): string {
    return nodeSubject(this.cluster, member, channel)
  }

  private seal(batch: Uint8Array): Uint8Array {
    const idLength = this.self.length
    const bytes = Buffer.allocUnsafe(1 + idLength + 4 + batch.length)
    bytes.writeUInt8(idLength, 0)
    bytes.write(this.self, 1, 'latin1')
    bytes.writeUInt32LE(this.mapVersion(), 1 + idLength)
    bytes.set(batch, 5 + idLength)
    return bytes
  }
}

/** @returns undefined for what is none of ours */
export function openEnvelope(
  message: Uint8Array,
): { sender: string; mapVersion: number; batch: Uint8Array } | undefined {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength)
  const idLength = bytes[0] ?? 0
  if (bytes.length < 5 + idLength) return undefined
  return {
    sender: bytes.toString('latin1', 1, 1 + idLength),
    mapVersion: bytes.readUInt32LE(1 + idLength),
    batch: bytes.subarray(5 + idLength),
  }
}

/** @returns undefined for what is no call */
function callIn(bytes: Uint8Array): Call | undefined {
  try {
    const call = unpack(bytes)
    if (!Array.isArray(call) || typeof call[0] !== 'string') return undefined
    return { name: call[0], input: call[1], inPieces: call[2] === true }
  } catch {
    return undefined
  }
}

function errorOf(error: unknown): { code: string; message: string } {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown }
  return {
    code: typeof code === 'string' ? code : 'internal_error',
    message: (typeof message === 'string' ? message : String(error)).slice(0, errorLettersMax),
  }
}
