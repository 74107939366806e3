/**
 * Recovery of a thread's shards: the newest snapshot that reads, then the journal after it.
 *
 * V1. A snapshot that does not read is passed over for the older one; the journal reaches back to
 *     that. Where neither reads and the journal begins later, the folder is damaged.
 */
import { join } from 'node:path'
import type { Kinds } from '../actor/kinds.js'
import type { Env } from '../env/env.js'
import { OpenRefused } from '../errors.js'
import { readFrames, type FolderPlan } from '../journal/file/index.js'
import { listSnapshots, readSnapshot } from '../snapshot/file-snapshots.js'
import { SnapshotRestore } from '../snapshot/snapshot-blocks.js'
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

/** Rebuilds the states of a thread's shards. @throws OpenRefused */
export async function recoverShards(
  env: Env,
  scope: RecoveryScope,
  kinds: Kinds,
): Promise<ShardState[]> {
  const states = new Map<number, ShardState>()
  for (let shard = scope.thread; shard < scope.shards; shard += scope.threads) {
    states.set(shard, await restoreSnapshot(env, scope, kinds, shard))
  }
  const after = new Map([...states].map(([shard, state]) => [shard, state.ordinal]))
  await readFrames(env, scope.plan, new Set(states.keys()), after, (frame) => {
    replayFrame(states.get(frame.shard)!, frame)
  })
  for (const [shard, state] of states) assertReached(scope.plan, shard, state.ordinal)
  return [...states.values()]
}

async function restoreSnapshot(
  env: Env,
  scope: RecoveryScope,
  kinds: Kinds,
  shard: number,
): Promise<ShardState> {
  const folder = snapshotFolder(join(scope.dataDir, 'snapshots'), shard)
  for (const snapshot of await listSnapshots(env.disk, folder)) {
    const state = emptyState(scope, kinds, shard)
    const restore = new SnapshotRestore(state)
    try {
      await readSnapshot(env.disk, snapshot.path, (block) => {
        restore.add(block)
      })
    } catch (error) {
      if (error instanceof OpenRefused && error.code === 'damaged') continue
      throw error
    }
    if (restore.complete) return state
  }
  return emptyState(scope, kinds, shard)
}

function emptyState(scope: RecoveryScope, kinds: Kinds, shard: number): ShardState {
  return new ShardState({
    shard,
    shards: scope.shards,
    kinds,
    keyRetentionMs: scope.keyRetentionMs,
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

/** Folder of one shard's snapshots. */
export function snapshotFolder(snapshots: string, shard: number): string {
  return join(snapshots, String(shard).padStart(5, '0'))
}
