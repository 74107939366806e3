/** Damages messages of snapshots as they are stored: by a bit, so that only a checksum shows it. */
import type { Random, SimulatedNatsService } from '../../runtime/simulation/index.js'
import { clusterName } from './simulated-node.js'
import type { ClusterPlan } from './swarm.js'

/** @param tell takes a sentence before it becomes true, and may say no */
export function damageSnapshots(
  service: SimulatedNatsService,
  { shards, snapshotDamage }: ClusterPlan,
  random: Random,
  tell: (sentence: string) => boolean,
): void {
  if (snapshotDamage === 0) return
  for (let shard = 0; shard < shards; shard++) {
    const stream = service.stream(`SNAP_${clusterName}_${shard}`)
    stream.listeners.add({
      appended: (sequence, bytes) => {
        if (!random.chance(snapshotDamage)) return
        if (!tell(`message ${sequence} of a snapshot of shard ${shard} is damaged`)) return
        const damaged = Buffer.from(bytes)
        const at = random.whole(0, damaged.length - 1)
        damaged[at] = damaged[at]! ^ 1
        stream.damage(sequence, damaged)
      },
    })
  }
}
