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
 * L1. Every batch says which version of the shard map its sender knows; who knows an older one looks
 *     the map up.
 * L2. What can not be read is dropped and told, and hurts nobody else: its sender sends again, or is of
 *     a release that should not be here.
 */
import { Buffer } from 'node:buffer'
import { pack, unpack, type Bus } from '../../transport/index.js'

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
}

const callTimeoutMs = 5_000
/** Of batches that can't be read every so many one is told. */
const tellEvery = 1_000

interface CallAnswer {
  readonly value?: unknown
  readonly error?: { readonly code: string; readonly message: string }
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
    for (const channel of channels) {
      const stop = bus.subscribe(this.subject(self, channel), ({ bytes }) => {
        const envelope = openEnvelope(bytes)
        if (envelope === undefined) return
        if (envelope.mapVersion > this.mapVersion()) listener.newerMap(envelope.mapVersion)
        try {
          listener.batch(channel, envelope.sender, envelope.batch)
        } catch (error) {
          if (!(error instanceof RangeError) && !(error instanceof TypeError)) throw error
          this.tellUnreadable(listener, channel, envelope.sender, error.message)
        }
      })
      this.stops.push(stop)
    }
    this.stops.push(
      // A subject of its own: whoever may only look may ask this.
      bus.subscribe(this.subject(self, 'vitals'), ({ respond }) => {
        void listener.vitals().then((vitals) => respond(pack(vitals)))
      }),
      bus.subscribe(this.subject(self, 'calls'), ({ bytes, respond }) => {
        const call = callIn(bytes)
        if (call === undefined) return
        listener.call(...call).then(
          (value) => respond(pack({ value } satisfies CallAnswer)),
          (error: unknown) => respond(pack({ error: errorOf(error) } satisfies CallAnswer)),
        )
      }),
    )
  }

  send(member: string, channel: Channel, batch: Uint8Array): void {
    this.bus.publish(this.subject(member, channel), this.seal(batch))
  }

  /** Asks another member. @throws CallFailed, NatsUnreachable */
  async call(member: string, name: string, input?: unknown): Promise<unknown> {
    const bytes = await this.bus.request(
      this.subject(member, 'calls'),
      pack([name, input]),
      callTimeoutMs,
    )
    const { value, error } = unpack(bytes) as CallAnswer
    if (error !== undefined) throw new CallFailed(error.code, error.message)
    return value
  }

  close(): void {
    for (const stop of this.stops.splice(0)) stop()
  }

  /** Once in a while: one that sends such batches sends many. */
  private tellUnreadable(
    listener: LinkListener,
    channel: Channel,
    sender: string,
    why: string,
  ): void {
    if (this.unreadable++ % tellEvery === 0)
      listener.unreadable(channel, sender, why, Math.min(this.unreadable, tellEvery) - 1)
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
function callIn(bytes: Uint8Array): [name: string, input: unknown] | undefined {
  try {
    const call = unpack(bytes)
    if (!Array.isArray(call) || typeof call[0] !== 'string') return undefined
    return [call[0], call[1]]
  } catch {
    return undefined
  }
}

function errorOf(error: unknown): { code: string; message: string } {
  const { code, message } = error as { code?: unknown; message?: unknown }
  return {
    code: typeof code === 'string' ? code : 'internal_error',
    message: typeof message === 'string' ? message : String(error),
  }
}
