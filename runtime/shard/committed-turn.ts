/**
 * A committed turn: all that one handled message changed. It is what a frame holds, and what both
 * the live shard and a replay apply, by the same code.
 */
import { openRow, RowWriter, type PlainReader } from '../../transport/index.js'
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
  /** Seven words, signed. */
  readonly hashes: readonly number[]
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
const causes = { request: 0, message: 1, timer: 2, waiting: 3 } as const

/** Facts about a frame body, beside its turns. */
interface BodyFacts {
  readonly version: number
  readonly sequence: number
  readonly count: number
  /** Names of events; turns refer to them by position. */
  readonly tags: readonly string[]
}

/** Gathers the turns of the frame that is being filled. */
export class FrameBody {
  /** Turns so far. */
  count = 0
  private readonly tags = new Map<string, number>()
  private readonly row = new RowWriter()

  add(turn: CommittedTurn): void {
    const { row } = this
    this.count++
    writeCause(row, turn.cause)
    row.value(turn.events.length)
    for (const event of turn.events) {
      row.value(this.tagOf(event.tag))
      row.value(event.address)
      row.value(event.data)
    }
    row.value(turn.messages.length)
    for (const message of turn.messages) writeMessage(row, message)
    row.value(turn.keys.length)
    for (const key of turn.keys) writeKey(row, key)
    row.value(turn.timers.length === 0 ? 0 : turn.timers)
    row.value(turn.quarantine.length === 0 ? 0 : turn.quarantine)
  }

  /** The frame's bytes; the body is empty again afterwards. */
  take(meta: FrameMeta): Uint8Array {
    const facts: BodyFacts = {
      version: bodyVersion,
      sequence: meta.sequence,
      count: this.count,
      tags: [...this.tags.keys()],
    }
    this.count = 0
    this.tags.clear()
    return this.row.take(facts)
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

/** A body of a version this code does not know. */
export class NewerBody extends Error {}

/** Reads a frame body back. @throws NewerBody, RangeError */
export function readFrameBody(
  bytes: Uint8Array,
  shard: number,
): FrameMeta & { turns: CommittedTurn[] } {
  const { facts, values } = openRow(bytes)
  const { version, sequence, count, tags } = facts as BodyFacts
  if (version > bodyVersion) throw new NewerBody(`frame body version ${version}`)
  const turns: CommittedTurn[] = []
  for (let i = 0; i < count; i++) turns.push(readTurn(values, tags, shard))
  return { sequence, turns }
}

function writeCause(row: RowWriter, cause: Cause): void {
  row.value(causes[cause.type])
  if (cause.type === 'message') {
    row.value(cause.source)
    row.value(cause.number)
    row.value(cause.stamp)
  } else if (cause.type === 'timer') row.value(cause.id)
  else if (cause.type === 'waiting') row.value(cause.address)
}

function writeMessage(row: RowWriter, message: Message): void {
  row.value(message.target)
  row.value(message.number)
  row.value(message.address)
  row.value(message.command)
  row.value(message.input)
  row.value(message.from)
  row.value(message.then)
  row.value(message.context)
  row.value(message.stamp)
}

function writeKey(row: RowWriter, key: KeyInsert): void {
  row.value(key.hashes)
  row.value(key.kind)
  row.value(key.note)
  row.value(key.refusal ?? key.answer)
}

function readTurn(row: PlainReader, tags: readonly string[], shard: number): CommittedTurn {
  return {
    cause: readCause(row),
    events: repeat(row, () => ({
      tag: tags[row.value() as number]!,
      address: row.value() as Address,
      data: row.value(),
    })),
    messages: repeat(row, () => readMessage(row, shard)),
    keys: repeat(row, () => readKey(row)),
    timers: (row.value() || []) as TimerChange[],
    quarantine: (row.value() || []) as QuarantineChange[],
  }
}

function readCause(row: PlainReader): Cause {
  switch (row.value()) {
    case causes.request:
      return { type: 'request' }
    case causes.message:
      return {
        type: 'message',
        source: row.value() as number,
        number: row.value() as number,
        stamp: row.value(),
      }
    case causes.timer:
      return { type: 'timer', id: row.value() as number }
    default:
      return { type: 'waiting', address: row.value() as Address }
  }
}

function readMessage(row: PlainReader, source: number): Message {
  return {
    source,
    target: row.value() as number,
    number: row.value() as number,
    address: row.value() as Address,
    command: row.value() as string,
    input: row.value(),
    from: row.value() as Address | undefined,
    then: row.value() as string | undefined,
    context: row.value(),
    stamp: row.value(),
    durable: true,
  }
}

function readKey(row: PlainReader): KeyInsert {
  const hashes = row.value() as number[]
  const kind = row.value() as RecordKind
  const note = row.value() as number
  const extra = row.value()
  if (extra instanceof Uint8Array) return { hashes, kind, note, answer: extra }
  if (extra === undefined) return { hashes, kind, note }
  return { hashes, kind, note, refusal: extra as readonly [string, string] }
}

/** Reads a count, then that many items. */
function repeat<T>(row: PlainReader, read: () => T): T[] {
  const items: T[] = []
  for (let count = row.value() as number; count > 0; count--) items.push(read())
  return items
}
