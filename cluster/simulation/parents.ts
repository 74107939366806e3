/**
 * Parents of the simulated processes, as a supervisor is one: they see for certain when their child ends,
 * and tell one of its siblings some time later. They see nothing of a pause.
 */
import { Random, type FaultCounts, type Kernel } from '../../runtime/simulation/index.js'
import type { ClusterFaultKind } from './cluster-faults.js'
import type { NodeLife } from './simulated-node.js'
import type { ClusterPlan } from './swarm.js'

export class Parents {
  private readonly kernel: Kernel
  private readonly random: Random
  private readonly tellsAfter: number
  private readonly counts: FaultCounts<ClusterFaultKind>
  private readonly lives: readonly NodeLife[]

  /** @param lives those that are not over, at any time */
  constructor(
    kernel: Kernel,
    plan: ClusterPlan,
    counts: FaultCounts<ClusterFaultKind>,
    lives: readonly NodeLife[],
  ) {
    this.kernel = kernel
    this.random = new Random(plan.seed, 'parents')
    this.tellsAfter = plan.rare.obituary
    this.counts = counts
    this.lives = lives
  }

  /** A process has ended. */
  saw({ node }: NodeLife): void {
    if (node === undefined || this.tellsAfter === Infinity) return
    const { id } = node.membership
    this.kernel.after(this.random.exponential(this.tellsAfter), () => {
      const siblings = this.lives.flatMap((life) => life.node ?? [])
      if (siblings.length === 0) return
      this.counts.add('obituary')
      void this.random.pick(siblings).coordinator.bury(id)
    })
  }
}
