/**
 * A shard's state on its way from one thread to another of the same process: as a snapshot, but that its
 * memory outside the heap goes over as it is, and nothing of it is read or written.
 *
 * N15. What arrives is what left, as after a snapshot that was read back: every actor packed, nothing else
 *      lost. The state that was left is not used any more.
 */
import { Arena, type MovedArena } from '../shard/arena.js'
import { HistoryLog } from '../shard/history-log.js'
import type { MovedStore } from '../shard/packed-store.js'
import type { ShardState } from '../shard/shard-state.js'
import type { MovedKeys } from '../messaging/key-chunks.js'

import { pack, ShapedCodec, unpack } from '../../transport/index.js'
import { metaOf, type Meta, type Shapes } from './snapshot-blocks.js'
import { restoreMeta } from './snapshot-restore.js'

/** Plain data, to be posted with {@link memoryOf} it. */
export interface MovedState {
  readonly shard: number
  /** A packed {@link Meta}. */
  readonly meta: Uint8Array
  readonly store: MovedStore
  readonly shapes: Shapes
  readonly history: MovedArena
  readonly keys: MovedKeys
}

/** Takes a state apart. Nobody may use it any more. */
export function takeApart(state: ShardState): MovedState {
  for (const actor of [...state.actors.values()]) state.passivate(actor)
  return {
    shard: state.shard,
    meta: pack(metaOf(state)),
    store: state.store.moved(),
    shapes: state.codec.shapes,
    history: state.history.arena.moved(),
    keys: state.keys.moved(),
  }
}

/** Puts it together again in a state that is empty. */
export function putTogether(moved: MovedState, state: ShardState): void {
  state.store.takeOver(moved.store)
  state.codec = new ShapedCodec(moved.shapes)
  state.history = new HistoryLog([], Arena.of(moved.history))
  state.keys.takeOver(moved.keys)
  restoreMeta(state, unpack(moved.meta) as Meta)
}

/** The memory that changes hands. What is shared stays with both. */
export function memoryOf({ store, history, keys }: MovedState): ArrayBuffer[] {
  const { slots, hashes, arena } = store
  const arrays: ArrayBufferView[] = [slots, hashes, ...arena.chunks, ...history.chunks]
  arrays.push(keys.counts, ...keys.index)
  for (const { words, seconds, notes, kinds } of keys.chunks)
    arrays.push(words, seconds, notes, kinds)
  const memory = arrays.map(({ buffer }) => buffer)
  return memory.filter((buffer): buffer is ArrayBuffer => buffer instanceof ArrayBuffer)
}
