/** Recovery of a thread's shards: the newest snapshot that reads (V1), then the journal after it. */
import { join } from 'node:path'
import type { Kinds } from '../actor/kinds.js'
import type { Env } from '../env/env.js'
import { OpenRefused } from '../errors.js'
import { lastingMemory } from '../off-heap.js'
import { readFrames, type FolderPlan } from '../journal/file/index.js'
import { FileSnapshots } from '../snapshot/file-snapshots.js'
import { restoreNewest } from '../snapshot/restore-newest.js'
import { replayFrame } from '../shard/replay.js'
import { ShardState } from '../shard/shard-state.js'

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
 * Rebuilds the states of a thread's shards.
 * @param passedOver collects the snapshots that did not read
 * @throws OpenRefused
 */
export async function recoverShards(
  env: Env,
  scope: RecoveryScope,
  kinds: Kinds,
  passedOver: PassedOver[] = [],
): Promise<ShardState[]> {
  const store = new FileSnapshots(env.disk, join(scope.dataDir, 'snapshots'), scope.plan.identity)
  const states = new Map<number, ShardState>()
  for (let shard = scope.thread; shard < scope.shards; shard += scope.threads) {
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
    if (++frames % framesBetweenSettling === 0) settleMessages(states)
  })
  settleMessages(states)
  for (const [shard, state] of states) assertReached(scope.plan, shard, state.ordinal)
  return [...states.values()]
}

/**
 * Messages that other shards of this thread have applied are owed no more: all that is read is durable. Else
 * those of the whole tail would lie in memory, for the collector to move, until the shards greet each other.
 */
function settleMessages(states: ReadonlyMap<number, ShardState>): void {
  for (const { shard, outbox } of states.values()) {
    for (const target of outbox.targets()) {
      // One that has more than was sent is found when the shards greet each other.
      const applied = Math.min(states.get(target)?.cursors[shard] ?? 0, outbox.lastNumber(target))
      outbox.acknowledge(target, applied, 0)
    }
  }
}

function emptyState(scope: RecoveryScope, kinds: Kinds, shard: number): ShardState {
  return new ShardState({
    shard,
    shards: scope.shards,
    kinds,
    keyRetentionMs: scope.keyRetentionMs,
    // They stay as long as the thread.
    memory: lastingMemory,
  })
}

/** The journal's end is known from opening the folder: a replay must reach it. */
function assertReached(plan: FolderPlan, shard: number, ordinal: number): void {
  const last = plan.lastOrdinals[shard] ?? 0
  if (ordinal >= last) return
  throw new OpenRefused(
    'damaged',
    `Shard ${shard} was rebuilt up to ordinal ${ordinal}, but its journal ends at ${last}.`,
  )
}
