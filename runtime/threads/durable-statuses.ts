/** What shards show of themselves, handed out when it is durable. */
import type { ShardStatus } from '../actor/client.js'
import type { TimerHandle, Timers } from '../env/env.js'
import type { Lane } from '../shard/lane.js'

/**
 * Waits until all that these statuses show is durable.
 * @param laneOf the lane of a shard, now; of a shard that goes meanwhile nothing is said
 * @param waitMs how long at most: shards whose lane writes for longer are left out, for what is not durable is
 *   told nobody (G1). @default no bound
 */
export async function durableStatuses(
  statuses: readonly ShardStatus[],
  laneOf: (shard: number) => Lane | undefined,
  timers: Timers,
  waitMs?: number,
): Promise<ShardStatus[]> {
  const lanes = new Set(statuses.map(({ shard }) => laneOf(shard)!))
  const quiet = new Set<Lane | undefined>()
  const all = Promise.all(
    [...lanes].map(async (lane) => {
      await lane.quiet()
      quiet.add(lane)
    }),
  )
  if (waitMs === undefined) await all
  else {
    let late: TimerHandle | undefined
    const tooLate = new Promise<void>((resolve) => {
      late = timers.after(waitMs, resolve)
    })
    await Promise.race([all, tooLate])
    late?.cancel()
  }
  return statuses.filter(({ shard }) => quiet.has(laneOf(shard)))
}
