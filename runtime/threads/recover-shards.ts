/** Recovery of a thread's shards: the newest snapshot that reads (V1), then the journal after it. */
import { join } from 'node:path'
import type { Kinds } from '../actor/kinds.js'
import type { Env } from '../env/env.js'
import { lastingMemory } from '../off-heap.js'
import { checkReached, readFrames, type FolderPlan } from '../journal/file/index.js'
import { FileSnapshots, snapshotFolder, snapshotMissing } from '../snapshot/file-snapshots.js'
import { restoreNewest } from '../snapshot/restore-newest.js'
import { replayFrame } from '../shard/replay.js'
import { ShardState } from '../shard/shard-state.js'
import type { RecoveryBoard } from './recovery-board.js'

/** What recovery needs to know. */
export interface RecoveryScope {
  readonly thread: number
  readonly threads: number
  readonly shards: number
  readonly dataDir: string
  readonly plan: FolderPlan
  readonly keyRetentionMs: number
}

/** Frames that are replayed before messages that were applied are let go: some megabytes of them. */
const framesBetweenSettling = 512

/** A snapshot that did not read (V1). */
export interface PassedOver {
  readonly shard: number
  readonly path: string
  readonly why: string
}

/**
 * Rebuilds the states of a thread's shards, in the order of their numbers.
 * @param passedOver collects the snapshots that did not read
 * @param board shared with other threads that take some of them; absent: all are this one's
 * @throws OpenRefused
 */
export async function recoverShards(
  env: Env,
  scope: RecoveryScope,
  kinds: Kinds,
  passedOver: PassedOver[] = [],
  board?: RecoveryBoard,
): Promise<ShardState[]> {
  const snapshots = join(scope.dataDir, 'snapshots')
  const store = new FileSnapshots(env.disk, snapshots, scope.plan.identity)
  const states = new Map<number, ShardState>()
  for (const shard of board?.claims() ?? shardsOf(scope)) {
    const empty = (): ShardState => emptyState(scope, kinds, shard)
    const state = await restoreNewest(store, shard, empty, (_, path, why) => {
      passedOver.push({ shard, path, why })
    })
    states.set(shard, state)
  }
  const after = new Map([...states].map(([shard, state]) => [shard, state.ordinal]))
  let frames = 0
  await readFrames(env, scope.plan, new Set(states.keys()), after, (frame) => {
    replayFrame(states.get(frame.shard)!, frame)
    if (++frames % framesBetweenSettling === 0) settleMessages(states, board)
  })
  settleMessages(states, board)
  for (const [shard, { ordinal: reached }] of states) {
    const last = scope.plan.lastOrdinals[shard] ?? 0
    checkReached(shard, reached, last)
    if (reached === last) continue
    const folder = snapshotFolder(snapshots, shard)
    throw await snapshotMissing(env.disk, folder, { shard, reached, next: last + 1 })
  }
  return [...states.values()]
}

/**
 * Messages that their target has applied are dropped at once; else all of the tail would stay on the heap
 * until the shards greet each other.
 */
function settleMessages(states: ReadonlyMap<number, ShardState>, board?: RecoveryBoard): void {
  for (const { shard, cursors } of states.values()) board?.note(shard, cursors)
  for (const { shard, outbox } of states.values()) {
    for (const target of outbox.targets()) {
      const own = states.get(target)
      const cursor = own === undefined ? (board?.cursorOf(target, shard) ?? 0) : own.cursors[shard]!
      // One that has more than was sent is found when the shards greet each other.
      outbox.acknowledge(target, Math.min(cursor, outbox.lastNumber(target)), 0)
    }
  }
}

function* shardsOf({ thread, threads, shards }: RecoveryScope): Generator<number> {
  for (let shard = thread; shard < shards; shard += threads) yield shard
}

/** @returns a state that nothing has happened in */
export function emptyState(scope: RecoveryScope, kinds: Kinds, shard: number): ShardState {
  return new ShardState({
    shard,
    shards: scope.shards,
    kinds,
    keyRetentionMs: scope.keyRetentionMs,
    // They stay as long as the thread.
    memory: lastingMemory,
  })
}
