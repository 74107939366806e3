/**
 * A committed turn: all that one handled message changed. It is what a frame holds, and what both
 * the live shard and a replay apply, by the same code.
 */
import { packFrame, unpackFrame } from '../../transport/index.js'
import type { Address } from '../actor/address.js'
import type { RecordKind } from '../messaging/idempotency-table.js'
import type { Message } from '../messaging/message.js'
import type { DurableTimer } from './durable-timers.js'

/** What started a turn. */
export type Cause =
  | { readonly type: 'request' }
  | {
      readonly type: 'message'
      readonly source: number
      readonly number: number
      readonly stamp: unknown
    }
  | { readonly type: 'timer'; readonly id: number }
  /** A command that waited for a quarantined actor. */
  | { readonly type: 'waiting'; readonly address: Address }

/** One event as journaled. */
export interface JournaledEvent {
  /** `kind@version.event`. */
  readonly tag: string
  readonly address: Address
  readonly data: unknown
}

/** A key to remember. */
export interface KeyInsert {
  /** 28 bytes: seven words, little endian. */
  readonly hashes: Uint8Array
  readonly kind: RecordKind
  readonly note: number
  /** Code and detail of a refusal; packed answer of kind `bytes`. */
  readonly refusal?: readonly [string, string]
  readonly answer?: Uint8Array
}

export type TimerChange =
  | { readonly type: 'set'; readonly timer: DurableTimer }
  | { readonly type: 'cancel'; readonly id: number }

/** A change of the quarantine. */
export type QuarantineChange =
  | { readonly type: 'add'; readonly address: Address; readonly reason: string }
  | {
      readonly type: 'park'
      readonly address: Address
      readonly command: string
      readonly input: unknown
    }
  | { readonly type: 'release'; readonly address: Address }

export interface CommittedTurn {
  readonly cause: Cause
  readonly events: readonly JournaledEvent[]
  readonly messages: readonly Message[]
  readonly keys: readonly KeyInsert[]
  readonly timers: readonly TimerChange[]
  readonly quarantine: readonly QuarantineChange[]
}

/** What a frame says of its shard beside the turns. */
export interface FrameMeta {
  /** The next number `sequence()` gives. */
  readonly sequence: number
}

const bodyVersion = 1
const causeCodes = { request: 0, message: 1, timer: 2, waiting: 3 } as const

/** Gathers the turns of the frame that is being filled. */
export class FrameBody {
  private readonly tags = new Map<string, number>()
  private turns: unknown[] = []

  get count(): number {
    return this.turns.length
  }

  add(turn: CommittedTurn): void {
    const events: unknown[] = []
    for (const event of turn.events) events.push(this.tagOf(event.tag), event.address, event.data)
    this.turns.push([
      causeOf(turn.cause),
      events,
      turn.messages.length === 0 ? 0 : fieldsOf(turn.messages, addMessage),
      turn.keys.length === 0 ? 0 : fieldsOf(turn.keys, addKey),
      turn.timers.length === 0 ? 0 : turn.timers,
      turn.quarantine.length === 0 ? 0 : turn.quarantine,
    ])
  }

  /** The frame's bytes; the body is empty again afterwards. */
  take(meta: FrameMeta): Uint8Array {
    const bytes = packFrame([bodyVersion, meta.sequence, [...this.tags.keys()], this.turns])
    this.tags.clear()
    this.turns = []
    return bytes
  }

  private tagOf(tag: string): number {
    let number = this.tags.get(tag)
    if (number === undefined) {
      number = this.tags.size
      this.tags.set(tag, number)
    }
    return number
  }
}

/** Reads a frame body back. @throws RangeError for a body of a newer version */
export function readFrameBody(
  bytes: Uint8Array,
  shard: number,
): FrameMeta & { turns: CommittedTurn[] } {
  const [version, sequence, tags, turns] = unpackFrame(bytes) as [
    number,
    number,
    string[],
    unknown[][],
  ]
  if (version !== bodyVersion) throw new RangeError(`frame body version ${version}`)
  return { sequence, turns: turns.map((turn) => readTurn(turn, tags, shard)) }
}

function causeOf(cause: Cause): unknown {
  switch (cause.type) {
    case 'request':
      return causeCodes.request
    case 'message':
      return [causeCodes.message, cause.source, cause.number, cause.stamp]
    case 'timer':
      return [causeCodes.timer, cause.id]
    case 'waiting':
      return [causeCodes.waiting, cause.address]
  }
}

/** One flat list of the fields of all items: fewer arrays to make and to pack. */
function fieldsOf<T>(items: readonly T[], add: (item: T, fields: unknown[]) => void): unknown[] {
  const fields: unknown[] = []
  for (const item of items) add(item, fields)
  return fields
}

function addKey(key: KeyInsert, fields: unknown[]): void {
  fields.push(key.hashes, key.kind, key.note, key.refusal ?? key.answer ?? 0)
}

function addMessage(message: Message, fields: unknown[]): void {
  fields.push(
    message.target,
    message.number,
    message.address,
    message.command,
    message.input,
    message.from,
    message.then,
    message.context,
    message.stamp,
  )
}
const messageFieldCount = 9

function readCause(packed: unknown): Cause {
  if (packed === causeCodes.request) return { type: 'request' }
  const [code, first, second, third] = packed as [number, never, never, unknown]
  if (code === causeCodes.message)
    return { type: 'message', source: first, number: second, stamp: third }
  if (code === causeCodes.timer) return { type: 'timer', id: first }
  return { type: 'waiting', address: first }
}

function readTurn(packed: unknown[], tags: string[], shard: number): CommittedTurn {
  const [cause, events, messages, keys, timers, quarantine] = packed as unknown[][]
  return {
    cause: readCause(cause),
    events: groups(events!, 3, ([tag, address, data]) => ({
      tag: tags[tag as number]!,
      address: address as Address,
      data,
    })),
    messages: groups(messages, messageFieldCount, (fields) => messageOf(fields, shard)),
    keys: groups(keys, 4, ([hashes, kind, note, extra]) => ({
      hashes: hashes as Uint8Array,
      kind: kind as RecordKind,
      note: note as number,
      ...(Array.isArray(extra) ? { refusal: extra as unknown as readonly [string, string] } : {}),
      ...(extra instanceof Uint8Array ? { answer: extra } : {}),
    })),
    timers: Array.isArray(timers) ? (timers as TimerChange[]) : [],
    quarantine: Array.isArray(quarantine) ? (quarantine as QuarantineChange[]) : [],
  }
}

function messageOf(fields: unknown[], source: number): Message {
  const [target, number, address, command, input, from, then, context, stamp] = fields
  return {
    source,
    target: target as number,
    number: number as number,
    address: address as Address,
    command: command as string,
    input,
    from: from as Address | undefined,
    then: then as string | undefined,
    context,
    stamp,
  }
}

/** Cuts a flat list into groups of fields. */
function groups<T>(flat: unknown, size: number, make: (fields: unknown[]) => T): T[] {
  if (!Array.isArray(flat)) return []
  const made: T[] = []
  for (let at = 0; at < flat.length; at += size) made.push(make(flat.slice(at, at + size)))
  return made
}
