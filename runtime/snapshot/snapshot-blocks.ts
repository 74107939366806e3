/**
 * A shard's state as a row of blocks, and back.
 *
 * N1. The cut is taken at once, between two frames; the blocks are made from it little by little
 *     while the shard goes on. States are immutable, so nothing is copied but references.
 * N2. A snapshot of a newer version of any kind, or of another format than is read, is refused by name,
 *     never read in part.
 */
import { Activation, type ShardState } from '../shard/shard-state.js'
import type { OutboxDump } from '../messaging/outbox.js'
import type { KeyChunkDump } from '../messaging/idempotency-table.js'
import type { DurableTimer } from '../shard/durable-timers.js'
import type { QuarantineEntry } from '../shard/quarantine.js'
import { checkFormat, FormatUnread } from '../shard/formats.js'
import { HistoryLog } from '../shard/history-log.js'
import { OpenRefused } from '../errors.js'
import { pack, ShapedCodec, unpack } from '../../transport/index.js'

const actorsPerBlock = 512
const storeSlotsPerBlock = 2_048

interface Meta {
  readonly format: number
  readonly shard: number
  readonly shards: number
  readonly ordinal: number
  readonly time: number
  readonly sequence: number
  readonly cursors: readonly number[]
  readonly outbox: OutboxDump
  readonly timers: readonly DurableTimer[]
  readonly timersNext: number
  readonly quarantine: readonly QuarantineEntry[]
  readonly refusals: readonly (readonly [string, string])[]
  readonly disagreements: readonly string[]
  readonly tally: unknown
  readonly stateShapes: readonly (readonly string[])[]
  readonly historyShapes: readonly (readonly string[])[]
}

type ActorRow = readonly [
  address: string,
  kindVersion: number,
  version: number,
  history: number,
  state: unknown,
]
type Block =
  | readonly ['meta', Meta]
  | readonly ['actors', readonly ActorRow[]]
  | readonly ['stored', readonly ActorRow[]]
  | readonly ['history', Uint8Array]
  | readonly ['keys', KeyChunkDump]
  | readonly ['end']

/**
 * Cuts a snapshot now and returns its blocks, to be pulled one by one.
 * The shard must be between two frames.
 */
export function snapshotBlocks(state: ShardState): Generator<Uint8Array> {
  const meta = pack(['meta', metaOf(state)] satisfies Block)
  const actors = [...state.actors.values()]
    .filter((actor) => actor.version > 0)
    .map((actor): ActorRow => rowOf(actor))
  const stored = state.store.cut()
  const history = state.history.arena.cut()
  const keys = state.keys.dump()
  return (function* () {
    yield meta
    for (let at = 0; at < actors.length; at += actorsPerBlock) {
      yield pack(['actors', actors.slice(at, at + actorsPerBlock)] satisfies Block)
    }
    for (let at = 0; at < stored.slots; at += storeSlotsPerBlock) {
      const rows: ActorRow[] = []
      stored.read(
        (actor) =>
          rows.push([actor.address, actor.kindVersion, actor.version, actor.history, actor.state]),
        at,
        at + storeSlotsPerBlock,
      )
      if (rows.length > 0) yield pack(['stored', rows] satisfies Block)
    }
    for (let i = 0; i < history.chunks.length; i++) {
      yield pack(['history', history.chunks[i]!.subarray(0, history.used[i])] satisfies Block)
    }
    for (const chunk of keys) yield pack(['keys', chunk] satisfies Block)
    yield pack(['end'] satisfies Block)
  })()
}

/** Puts blocks back into an empty state, in order. */
export class SnapshotRestore {
  private readonly state: ShardState
  /** True once the last block has been seen: only then the state is whole. */
  complete = false

  constructor(state: ShardState) {
    this.state = state
  }

  add(bytes: Uint8Array): void {
    const block = unpack(bytes) as Block
    switch (block[0]) {
      case 'meta':
        restoreMeta(this.state, block[1])
        break
      case 'actors':
        for (const row of block[1]) this.restoreActor(row)
        break
      case 'stored':
        for (const row of block[1]) this.restoreStored(row)
        break
      case 'history':
        this.state.history.arena.restoreChunk(block[1])
        break
      case 'keys':
        this.state.keys.restore(block[1])
        break
      case 'end':
        this.complete = true
        break
    }
  }

  private restoreActor([address, kindVersion, version, history, state]: ActorRow): void {
    const kind = this.kindOf(address, kindVersion)
    const upcast = kind.upcastState(state, kindVersion)
    this.state.attach(new Activation(address, kind, upcast, version, history))
  }

  private restoreStored([address, kindVersion, version, history, state]: ActorRow): void {
    this.kindOf(address, kindVersion)
    this.state.store.put({ address, kindVersion, version, history, state: state as Uint8Array })
  }

  private kindOf(
    address: string,
    version: number,
  ): NonNullable<ReturnType<ShardState['kinds']['of']>> {
    const kind = this.state.kinds.of(address)
    if (kind === undefined || version > kind.version) {
      const known =
        kind === undefined ? 'does not define it' : `knows it up to version ${kind.version}`
      throw new OpenRefused(
        'newer_version',
        `A snapshot holds "${address}" in version ${version} of its kind; this program ${known}. Install the newer program.`,
      )
    }
    return kind
  }
}

/** @throws OpenRefused newer_format, older_format */
function checkSnapshotFormat({ format, shard }: Meta, { formats }: ShardState): void {
  try {
    checkFormat(`A snapshot of shard ${shard}`, format, formats.reads)
  } catch (error) {
    throw error instanceof FormatUnread ? new OpenRefused(error.code, error.message) : error
  }
}

function rowOf(actor: Activation): ActorRow {
  return [actor.address, actor.kind.version, actor.version, actor.history, actor.state]
}

function metaOf(state: ShardState): Meta {
  return {
    format: state.formats.writes,
    shard: state.shard,
    shards: state.shards,
    ordinal: state.ordinal,
    time: state.time,
    sequence: state.sequence,
    cursors: [...state.cursors],
    outbox: state.outbox.dump(),
    timers: state.timers.all(),
    timersNext: state.timers.next,
    quarantine: state.quarantine.all(),
    refusals: state.refusals,
    disagreements: state.disagreements,
    tally: state.tally,
    stateShapes: state.codec.shapes,
    historyShapes: state.history.codec.shapes,
  }
}

function restoreMeta(state: ShardState, meta: Meta): void {
  checkSnapshotFormat(meta, state)
  if (meta.shard !== state.shard || meta.shards !== state.shards) {
    throw new OpenRefused(
      'damaged',
      `A snapshot of shard ${meta.shard} of ${meta.shards} is in the place of shard ${state.shard} of ${state.shards}.`,
    )
  }
  state.ordinal = meta.ordinal
  state.time = meta.time
  state.sequence = meta.sequence
  state.cursors.set(meta.cursors)
  state.outbox.restore(meta.outbox)
  for (const timer of meta.timers) state.timers.set(timer)
  state.timers.next = meta.timersNext
  state.quarantine.restore(meta.quarantine)
  state.refusals.push(...meta.refusals)
  state.disagreements.push(...meta.disagreements)
  state.tally = meta.tally
  state.codec = new ShapedCodec(meta.stateShapes)
  state.history = new HistoryLog(meta.historyShapes)
}
