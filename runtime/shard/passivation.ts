/** Passivation by idle time: moves actors nobody has used for long to the packed store, a few a tick. */
import type { ShardState } from './shard-state.js'

const actorsPerSweep = 512
const cursors = new WeakMap<
  ShardState,
  MapIterator<ShardState['actors'] extends Map<infer _K, infer V> ? V : never>
>()

/** Looks at the next few actors of a shard and stores those that are idle. */
export function sweepIdleActors(state: ShardState, now: number): void {
  if (!state.kinds.somePassivateIdle) return
  let cursor = cursors.get(state)
  if (cursor === undefined) cursors.set(state, (cursor = state.actors.values()))
  for (let i = 0; i < actorsPerSweep; i++) {
    const next = cursor.next()
    if (next.done === true) {
      cursors.delete(state)
      return
    }
    const idleMs = next.value.kind.passivateAfterIdleMs
    if (idleMs !== undefined && now - next.value.touchedAt > idleMs) state.passivate(next.value)
  }
}
