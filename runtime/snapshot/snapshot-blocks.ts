/**
 * A shard's state as a row of blocks, and back; or what changed of it since an earlier snapshot.
 *
 * N1. The cut is taken at once, between two frames; the blocks are made from it little by little
 *     while the shard goes on. States are immutable, so nothing is copied but references.
 * N2. A snapshot of a newer version of any kind, or of another format than is read, is refused by name,
 *     never read in part.
 * N9. All actors are brought back to the packed store, as bytes: each is unpacked when it is asked for.
 * N10. An increment has all that is small, and of actors, history and keys what came since the mark of the
 *     snapshot it follows. Records and rows are only ever appended, so that is what stands behind the mark;
 *     actors in memory tell by the time of their last turn. It gives what a whole one would.
 */
import type { ArenaMark } from '../shard/arena.js'
import type { ListedRefusal } from '../shard/listed-refusals.js'
import type { ShardState } from '../shard/shard-state.js'
import type { StoreMark } from '../shard/packed-store.js'
import type { OutboxDump } from '../messaging/outbox.js'
import type { KeyChunkDump } from '../messaging/key-chunks.js'
import type { DurableTimer } from '../shard/durable-timers.js'
import type { QuarantineEntry } from '../shard/quarantine.js'
import { pack, ShapedCodec } from '../../transport/index.js'
import { ActorsInMemory } from './actors-in-memory.js'
import { BlockMemory } from './block-memory.js'

export type Shapes = readonly (readonly string[])[]

/** What a snapshot says beside actors, history and keys. */
export interface Meta {
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
  readonly refusals: readonly ListedRefusal[]
  readonly disagreements: readonly string[]
  readonly tally: unknown
  readonly historyShapes: Shapes
  /** Of an increment: ordinal of the snapshot it follows. */
  readonly follows?: number
  /** About so many actors, and exactly these keys, are there; the first versions did not say so. */
  readonly actors?: number
  readonly keys?: { readonly first: number; readonly next: number }
}

export type Block =
  | readonly ['meta', Meta]
  | readonly ['actors', Uint8Array]
  /** A chunk of the history. */
  | readonly ['history', Uint8Array]
  /** What stands behind a mark in the history: number of the chunk, bytes before it. */
  | readonly ['history behind', Uint8Array, number, number]
  | readonly ['keys', KeyChunkDump]
  /** With the shapes of the states: packing those of actors in memory may add to them. */
  | readonly ['end', Shapes]

/** What an increment begins from. */
export interface SnapshotMark {
  readonly ordinal: number
  readonly time: number
  readonly store: StoreMark
  readonly history: ArenaMark
  readonly keysNext: number
  /** Shapes of the states in it, once all blocks were made. */
  readonly shapes: Shapes | undefined
}

/** A snapshot on its way. */
export interface StateCut {
  readonly ordinal: number
  /** To be pulled one by one, to the end: each is valid until the next one. */
  readonly blocks: Generator<Uint8Array>
  /** No more blocks are pulled. What was pulled to its end needs no end. */
  readonly end: () => void
  /** For an increment that follows this one. */
  readonly mark: SnapshotMark
}

/** A whole snapshot of now, whose blocks stay valid. The shard must be between two frames. */
export function snapshotBlocks(state: ShardState): Uint8Array[] {
  return Array.from(cutState(state).blocks, (block) => Uint8Array.from(block))
}

/**
 * Cuts a snapshot now. The shard must be between two frames.
 * @param since cuts an increment behind this mark; only if it {@link mayFollow}
 */
export function cutState(state: ShardState, since?: SnapshotMark): StateCut {
  const { ordinal, time } = state
  const mark = {
    ...{ ordinal, time },
    store: state.store.mark(),
    history: state.history.arena.mark(),
    keysNext: state.keys.span.next,
    shapes: undefined as Shapes | undefined,
  }
  const meta = pack(['meta', metaOf(state, since)] satisfies Block)
  const stored =
    since === undefined ? state.store.cut().records() : state.store.recordsSince(since.store)
  const actors = new ActorsInMemory(state, since?.time ?? -Infinity)
  state.openCuts++
  let open = true
  const end = (): void => {
    if (open) state.openCuts--
    open = false
  }
  const history = historyCut(state, since?.history)
  const keys = state.keys.dump(since?.keysNext)
  // Its own: the shard may come to shapes of its own while this is written.
  const codec = new ShapedCodec(longer(since?.shapes, state.codec.shapes))
  const blocks = (function* () {
    const memory = new BlockMemory()
    yield meta
    // In this order: what was stored since may have come back to memory, and changed.
    for (const records of stored) yield memory.packBytes('actors', records)
    for (const records of actors.records(codec)) yield memory.packBytes('actors', records)
    end()
    for (const { rows, place } of history) {
      yield since === undefined
        ? memory.packBytes('history', rows)
        : memory.packBytes('history behind', rows, ...place)
    }
    for (const chunk of keys) yield memory.pack(['keys', chunk] satisfies Block)
    memory.end()
    mark.shapes = codec.shapes
    yield pack(['end', codec.shapes] satisfies Block)
    // What the shard stores from now on is read with these, so an increment may follow.
    if (fit(codec.shapes, state.codec.shapes))
      state.codec = new ShapedCodec(longer(state.codec.shapes, codec.shapes))
  })()
  return { ordinal, blocks, end, mark }
}

/**
 * True when an increment can say what changed since a mark: nothing was moved since, and what was packed
 * then and since is read with the same shapes.
 */
export function mayFollow(state: ShardState, { store, shapes }: SnapshotMark): boolean {
  return shapes !== undefined && state.store.reaches(store) && fit(shapes, state.codec.shapes)
}

/** True when one of two lists of shapes begins as the other. */
function fit(one: Shapes, other: Shapes): boolean {
  const common = Math.min(one.length, other.length)
  for (let i = 0; i < common; i++) if (one[i]!.join() !== other[i]!.join()) return false
  return true
}

function longer(one: Shapes | undefined, other: Shapes): Shapes {
  return one !== undefined && one.length > other.length ? one : other
}

/** Rows of one chunk of the history. */
interface HistoryPiece {
  readonly rows: Uint8Array
  /** Number of the chunk, and bytes of it before them. */
  readonly place: readonly [chunk: number, from: number]
}

/** The rows of all actors, or those behind a mark, as they are now. */
function historyCut(state: ShardState, since: ArenaMark | undefined): HistoryPiece[] {
  const { chunks, used } = state.history.arena.cut()
  const pieces: HistoryPiece[] = []
  for (let i = since?.chunk ?? 0; i < chunks.length; i++) {
    const from = i === since?.chunk ? since.used : 0
    const rows = chunks[i]!.subarray(from, used[i])
    if (since === undefined || rows.length > 0) pieces.push({ rows, place: [i, from] })
  }
  return pieces
}

/** All of a state that is small. @param since of an increment */
export function metaOf(state: ShardState, since?: SnapshotMark): Meta {
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
    refusals: state.refusals.list,
    disagreements: state.disagreements,
    tally: state.tally,
    historyShapes: state.history.codec.shapes,
    ...(since === undefined ? {} : { follows: since.ordinal }),
    actors: state.actors.size + state.store.size,
    keys: state.keys.span,
  }
}
