/**
 * A shard's state as a row of blocks, and back.
 *
 * N1. The cut is taken at once, between two frames; the blocks are made from it little by little
 *     while the shard goes on. States are immutable, so nothing is copied but references.
 * N9. All actors are brought back to the packed store, as bytes: each is unpacked when it is asked for.
 * N2. A snapshot of a newer version of any kind, or of another format than is read, is refused by name,
 *     never read in part.
 */
import type { ShardState } from '../shard/shard-state.js'
import { PackedStore, type StoredActor } from '../shard/packed-store.js'
import type { OutboxDump } from '../messaging/outbox.js'
import type { KeyChunkDump } from '../messaging/idempotency-table.js'
import type { DurableTimer } from '../shard/durable-timers.js'
import type { QuarantineEntry } from '../shard/quarantine.js'
import { checkFormat, FormatUnread } from '../shard/formats.js'
import { HistoryLog } from '../shard/history-log.js'
import { OpenRefused } from '../errors.js'
import { pack, ShapedCodec, unpack } from '../../transport/index.js'

/** Actors in memory that are packed at once. */
const actorsPerBlock = 512

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
  readonly historyShapes: readonly (readonly string[])[]
}

type Block =
  | readonly ['meta', Meta]
  | readonly ['actors', Uint8Array]
  | readonly ['history', Uint8Array]
  | readonly ['keys', KeyChunkDump]
  /** With the shapes of the states: packing those of actors in memory may add to them. */
  | readonly ['end', readonly (readonly string[])[]]

/** An actor in memory, as it was when the snapshot was cut. */
interface CutActor extends Omit<StoredActor, 'state'> {
  readonly state: unknown
}

/**
 * Cuts a snapshot now and returns its blocks, to be pulled one by one.
 * The shard must be between two frames.
 */
export function snapshotBlocks(state: ShardState): Generator<Uint8Array> {
  const meta = pack(['meta', metaOf(state)] satisfies Block)
  const actors = actorsInMemory(state)
  const stored = state.store.cut()
  const history = state.history.arena.cut()
  const keys = state.keys.dump()
  // Its own: what the shard packs from now on must not depend on whether it was snapshotted.
  const codec = new ShapedCodec(state.codec.shapes)
  return (function* () {
    yield meta
    for (let at = 0; at < actors.length; at += actorsPerBlock) {
      const packed = new PackedStore()
      for (const actor of actors.slice(at, at + actorsPerBlock))
        packed.pack(actor, actor.state, codec)
      for (const records of packed.cut().records()) yield pack(['actors', records] satisfies Block)
    }
    for (const records of stored.records()) yield pack(['actors', records] satisfies Block)
    for (let i = 0; i < history.chunks.length; i++) {
      yield pack(['history', history.chunks[i]!.subarray(0, history.used[i])] satisfies Block)
    }
    for (const chunk of keys) yield pack(['keys', chunk] satisfies Block)
    yield pack(['end', codec.shapes] satisfies Block)
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
        this.state.store.adopt(block[1], this.check)
        break
      case 'history':
        this.state.history.arena.restoreChunk(block[1])
        break
      case 'keys':
        this.state.keys.restore(block[1])
        break
      case 'end':
        this.state.codec = new ShapedCodec(block[1])
        this.complete = true
        break
    }
  }

  /** @throws OpenRefused newer_version (N2) */
  private readonly check = (bytes: Buffer, from: number, to: number, version: number): void => {
    const kind = this.state.kinds.ofBytes(bytes, from, to)
    if (kind !== undefined && version <= kind.version) return
    const known =
      kind === undefined ? 'does not define it' : `knows it up to version ${kind.version}`
    throw new OpenRefused(
      'newer_version',
      `A snapshot holds "${bytes.toString('utf8', from, to)}" in version ${version} of its kind; this program ${known}. Install the newer program.`,
    )
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

function actorsInMemory(state: ShardState): CutActor[] {
  const actors: CutActor[] = []
  for (const { address, kind, version, history, state: own } of state.actors.values()) {
    if (version === 0) continue
    actors.push({ address, kindVersion: kind.version, version, history, state: own })
  }
  return actors
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
  state.history = new HistoryLog(meta.historyShapes)
}
