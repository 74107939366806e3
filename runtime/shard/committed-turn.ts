/**
 * A committed turn: all that one handled message changed. It is what a frame holds, and what both
 * the live shard and a replay apply, by the same code.
 */
import { openRow, RowWriter, type PlainReader } from '../../transport/index.js'
import type { Address } from '../actor/address.js'
import type { EventHandler } from '../actor/kinds.js'
import type { RecordKind } from '../messaging/idempotency-table.js'
import { hashWords } from '../messaging/key-chunks.js'
import { Message } from '../messaging/message.js'
import type { DurableTimer } from './durable-timers.js'
import { checkFormat, formatsRead, type FormatRange } from './formats.js'

/** What started a turn. */
export type Cause =
  | { readonly type: 'request' }
  | Pick<Message, 'type' | 'source' | 'number' | 'stamp'>
  | { readonly type: 'timer'; readonly id: number }
  /** A command that waited for a quarantined actor. */
  | { readonly type: 'waiting'; readonly address: Address }

/** A client's request, or an order of the runtime itself. */
export const requested: Cause = { type: 'request' }

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
  readonly key: KeyInsert | undefined
  readonly timers: readonly TimerChange[]
  readonly quarantine: readonly QuarantineChange[]
}

/** What a frame says of its shard beside the turns. */
export interface FrameMeta {
  /** Format of the body, see `formats.ts`. */
  readonly format: number
  /** The next number `sequence()` gives. */
  readonly sequence: number
}

const causes = { request: 0, message: 1, timer: 2, waiting: 3 } as const

/** Facts about a frame body, beside its turns: format, next sequence, turns, names of events. */
type BodyFacts = readonly [format: number, sequence: number, count: number, tags: readonly string[]]

/** An event on its way into a frame. */
export interface DraftedEvent {
  readonly handler: EventHandler
  readonly address: Address
  readonly data: unknown
}

/** What a handler did, before it is committed. */
export interface TurnDraft extends Pick<CommittedTurn, 'messages' | 'timers'> {
  readonly events: readonly DraftedEvent[]
}

/** Gathers the turns of the frame that is being filled. */
export class FrameBody {
  /** Turns so far. */
  count = 0
  /** Names of events in this frame, and each event's place among them. */
  private tags: string[] = []
  private readonly tagOf: number[] = []
  private readonly row = new RowWriter()
  private drafted = false
  /** Where the newest draft begins. */
  private draftStart = 0

  /** Bytes of the turns so far. */
  get bytes(): number {
    return this.row.mark()
  }

  /**
   * Writes what a handler did, before anything of it takes effect.
   * @throws TypeError when an actor gave what is no plain data; nothing is written then
   */
  draft(turn: TurnDraft): void {
    const { row } = this
    this.draftStart = row.mark()
    row.stretch()
    try {
      row.value(turn.events.length)
      for (const event of turn.events) {
        row.value(this.numberOf(event.handler))
        row.value(event.address)
        row.value(event.data)
      }
      row.value(turn.messages.length)
      for (const message of turn.messages) writeContent(row, message)
      row.value(turn.timers.length === 0 ? 0 : turn.timers)
    } catch (error) {
      row.backTo(this.draftStart)
      throw error
    }
    this.drafted = true
  }

  /** Takes the newest draft away again, if it was not added. */
  undraft(): void {
    if (!this.drafted) return
    this.row.backTo(this.draftStart)
    this.drafted = false
  }

  /** Adds a committed turn, drafted or not. */
  add(turn: Omit<CommittedTurn, 'events'>, events: readonly DraftedEvent[]): void {
    if (!this.drafted) this.draft({ events, messages: turn.messages, timers: turn.timers })
    this.drafted = false
    const { row } = this
    this.count++
    for (const message of turn.messages) {
      row.value(message.number)
      row.value(message.stamp)
    }
    writeCause(row, turn.cause)
    writeKey(row, turn.key)
    row.value(turn.quarantine.length === 0 ? 0 : turn.quarantine)
  }

  /** The frame's bytes; the body is empty again afterwards. */
  take(meta: FrameMeta): Uint8Array {
    const facts: BodyFacts = [meta.format, meta.sequence, this.count, this.tags]
    this.count = 0
    this.tags = []
    return this.row.take(facts)
  }

  private numberOf({ place, tag }: EventHandler): number {
    const number = this.tagOf[place]
    // Numbers of frames before do no harm: they point at another name, or at none.
    if (number !== undefined && this.tags[number] === tag) return number
    this.tagOf[place] = this.tags.length
    this.tags.push(tag)
    return this.tags.length - 1
  }
}

/** Reads a frame body back. @throws FormatUnread, RangeError */
export function readFrameBody(
  bytes: Uint8Array,
  shard: number,
  reads: FormatRange = formatsRead,
): FrameMeta & { turns: CommittedTurn[] } {
  const turns: CommittedTurn[] = []
  const meta = readTurns(bytes, shard, reads, (turn) => turns.push(turn))
  return { ...meta, turns }
}

/**
 * Reads a frame body back, turn by turn: what is made of one is garbage before the next is read.
 * @throws FormatUnread before the first turn, RangeError, and what `visit` throws
 */
export function readTurns(
  bytes: Uint8Array,
  shard: number,
  reads: FormatRange,
  visit: (turn: CommittedTurn) => void,
): FrameMeta {
  const { facts, values } = openRow(bytes)
  const [format, sequence, count, tags] = facts as BodyFacts
  checkFormat(`A frame of shard ${shard}`, format, reads)
  for (let i = 0; i < count; i++) visit(readTurn(values, tags, shard))
  return { format, sequence }
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

function writeContent(row: RowWriter, message: Message): void {
  row.value(message.target)
  row.value(message.address)
  row.value(message.command)
  row.value(message.input)
  row.value(message.from)
  row.value(message.then)
  row.value(message.context)
}

/** A message whole, but for its source. */
export function writeMessage(row: RowWriter, message: Message): void {
  writeContent(row, message)
  row.value(message.number)
  row.value(message.stamp)
}

function writeKey(row: RowWriter, key: KeyInsert | undefined): void {
  if (key === undefined) {
    row.value(0)
    return
  }
  row.value(key.kind)
  for (const word of key.hashes) row.u32(word)
  row.value(key.note)
  row.value(key.refusal ?? key.answer)
}

function readTurn(row: PlainReader, tags: readonly string[], shard: number): CommittedTurn {
  row.stretch()
  const events = repeat(row, () => ({
    tag: tags[row.value() as number]!,
    address: row.value() as Address,
    data: row.value(),
  }))
  const messages = repeat(row, () => readContent(row, shard))
  const timers = (row.value() || []) as TimerChange[]
  for (const message of messages) readNumber(row, message)
  return {
    cause: readCause(row),
    events,
    messages,
    key: readKey(row),
    timers,
    quarantine: (row.value() || []) as QuarantineChange[],
  }
}

function readCause(row: PlainReader): Cause {
  switch (row.value()) {
    case causes.request:
      return requested
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

/** Reads what {@link writeMessage} wrote. */
export function readMessage(row: PlainReader, source: number): Message {
  const message = readContent(row, source)
  readNumber(row, message)
  return message
}

function readContent(row: PlainReader, source: number): Message {
  const target = row.value() as number
  const address = row.value() as Address
  const command = row.value() as string
  const message = new Message(source, target, address, command, row.value())
  message.from = row.value() as Address | undefined
  message.then = row.value() as string | undefined
  message.context = row.value()
  message.durable = true
  return message
}

function readNumber(row: PlainReader, message: Message): void {
  message.number = row.value() as number
  message.stamp = row.value()
}

function readKey(row: PlainReader): KeyInsert | undefined {
  const kind = row.value() as RecordKind | 0
  if (kind === 0) return undefined
  const hashes: number[] = []
  for (let i = 0; i < hashWords; i++) hashes.push(row.u32() | 0)
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
