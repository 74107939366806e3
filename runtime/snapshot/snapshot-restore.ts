/**
 * Blocks of a snapshot, and of the increments that follow it, put back into a state. What may be read and how
 * they are written: see `snapshot-blocks.ts` (N2, N9, N10).
 */
import type { ShardState } from '../shard/shard-state.js'
import { checkFormat, FormatUnread } from '../shard/formats.js'
import { HistoryLog } from '../shard/history-log.js'
import { OpenRefused } from '../errors.js'
import { ShapedCodec, unpack } from '../../transport/index.js'
import type { Block, Meta } from './snapshot-blocks.js'

/** Of a reader's error, which may quote what it read. */
const detailMax = 200

/** Puts blocks back into an empty state, in order. */
export class SnapshotRestore {
  private readonly state: ShardState
  /** True once the last block of a snapshot has been seen: only then the state is whole. */
  complete = false
  /** True while nothing but the whole snapshot has been read. */
  private whole = true
  private begun = false

  constructor(state: ShardState) {
    this.state = state
  }

  /** @throws OpenRefused damaged, also when bytes that came unchanged make no sense */
  add(bytes: Uint8Array): void {
    try {
      this.put(bytes)
    } catch (error) {
      if (error instanceof OpenRefused) throw error
      throw new OpenRefused(
        'damaged',
        `A snapshot of shard ${this.state.shard} holds what can't be read: ${(error as Error).message.slice(0, detailMax)}`,
      )
    }
  }

  private put(bytes: Uint8Array): void {
    const block = unpack(bytes) as Block
    switch (block[0]) {
      case 'meta':
        this.begin(block[1])
        break
      case 'actors':
        // Those of a whole snapshot are each other's only ones: nothing is looked for.
        this.state.store.adopt(block[1], this.check, this.whole)
        break
      case 'history':
        this.state.history.arena.restoreChunk(block[1])
        break
      case 'history behind':
        this.state.history.arena.restoreBehind({ chunk: block[2], used: block[3] }, block[1])
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

  private begin(meta: Meta): void {
    this.checkPlace(meta)
    restoreMeta(this.state, meta)
    this.whole = meta.follows === undefined
    this.begun = true
    this.complete = false
    const { store, keys } = this.state
    if (this.whole) store.reserve(meta.actors ?? 0)
    if (meta.keys === undefined) return
    if (this.whole) keys.reserve(meta.keys.next - meta.keys.first)
    keys.forgetUpTo(meta.keys.first)
  }

  /** @throws OpenRefused damaged: it is not what stands here */
  private checkPlace(meta: Meta): void {
    const { state } = this
    checkSnapshotFormat(meta, state)
    if (meta.shard !== state.shard || meta.shards !== state.shards) {
      throw new OpenRefused(
        'damaged',
        `A snapshot of shard ${meta.shard} of ${meta.shards} is in the place of shard ${state.shard} of ${state.shards}.`,
      )
    }
    const fits = this.begun
      ? this.complete && meta.follows === state.ordinal
      : meta.follows === undefined
    if (fits) return
    throw new OpenRefused(
      'damaged',
      `A snapshot of shard ${meta.shard} at ordinal ${meta.ordinal} follows ${meta.follows ?? 'none'}, and is behind ${state.ordinal}.`,
    )
  }

  /** @throws OpenRefused newer_version (N2), invalid_options for a missing upcaster */
  private readonly check = (bytes: Buffer, from: number, to: number, version: number): void => {
    const kind = this.state.kinds.ofBytes(bytes, from, to)
    if (kind !== undefined && version <= kind.version) {
      if (version < kind.version) kind.stateUpcasters(version)
      return
    }
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

/** What an increment says comes in the place of what is there. */
export function restoreMeta(state: ShardState, meta: Meta): void {
  state.ordinal = meta.ordinal
  state.time = meta.time
  state.sequence = meta.sequence
  state.cursors.set(meta.cursors)
  state.outbox.restore(meta.outbox)
  state.timers.restore(meta.timers, meta.timersNext)
  state.quarantine.restore(meta.quarantine)
  state.refusals.restore(meta.refusals)
  state.disagreements.splice(0, Infinity, ...meta.disagreements)
  state.tally = meta.tally
  state.history = new HistoryLog(meta.historyShapes, state.history.arena)
}
