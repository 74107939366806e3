/**
 * Which shard of a node is snapshotted next. Their journals grow evenly, so all are due together; written at
 * the same time their messages would fill the servers' queues, and each frame would wait behind them.
 */
import { limits } from '../limits.js'
import type { Snapshotter } from '../snapshot/snapshotter.js'

/** Starts the one that is due longest, while few are at work. */
export function startDueSnapshot(
  snapshotters: readonly Pick<Snapshotter, 'active' | 'due' | 'tick'>[],
): void {
  let active = 0
  let next = snapshotters[0]
  for (const one of snapshotters) {
    if (one.active) active++
    if (one.due > next!.due) next = one
  }
  if (active < limits.snapshotsAtOnce) next?.tick()
}
