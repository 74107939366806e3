/**
 * Nodes that fall asleep at the worst moment there is for a reader: right when a frame has left for a
 * journal. While one sleeps beyond its lease, a successor is asked to change an account of that very
 * shard; then the sleeper is asked for the account, and wakes up. The append it will hear of first went
 * well, and says nothing of who owns the shard now.
 */
import { kindOf } from '../../runtime/index.js'
import {
  journalMessage,
  Random,
  shardOfHome,
  type FaultCounts,
  type Kernel,
  type Operation,
  type OperationRequest,
} from '../../runtime/simulation/index.js'
import type { ClusterFaultKind } from './cluster-faults.js'
import type { NodeLife } from './simulated-node.js'
import type { ClusterPlan } from './swarm.js'

interface Sleeper {
  readonly life: NodeLife
  /** Shard the frame belongs to. */
  readonly shard: number
  readonly since: number
  /** True once it has been asked. */
  asked: boolean
}

/** Reaches a node, whatever others believe of it. */
export interface Asker {
  ask(life: NodeLife, request: OperationRequest): void
}

/** How many leases one sleeps at most, when nobody has a reason to wake it. */
const asleepLeases = 10

export class Sleepers {
  private readonly kernel: Kernel
  private readonly plan: ClusterPlan
  private readonly counts: FaultCounts<ClusterFaultKind>
  private readonly asker: Asker
  private readonly random: Random
  private drowsy = false
  private sleepers: Sleeper[] = []
  /** How clients read actors of a kind. */
  private readonly reads = new Map<string, OperationRequest>()

  constructor(
    kernel: Kernel,
    plan: ClusterPlan,
    counts: FaultCounts<ClusterFaultKind>,
    asker: Asker,
  ) {
    this.kernel = kernel
    this.plan = plan
    this.counts = counts
    this.asker = asker
    this.random = new Random(plan.seed, 'sleepers')
  }

  /** The next node to write a frame falls asleep over it. */
  arm(): void {
    this.drowsy = true
  }

  /** A node sends a message to a stream. */
  appends(life: NodeLife, stream: string, bytes: Uint8Array): void {
    if (!this.drowsy || this.sleepers.length > 0 || !stream.startsWith('SHARD_')) return
    const message = journalMessage(bytes)
    if (message === undefined || message.isFence || life.process.paused) return
    this.drowsy = false
    const { kernel, plan } = this
    const sleeper = { life, shard: message.shard, since: kernel.now, asked: false }
    this.sleepers.push(sleeper)
    kernel.say(`${life.name} falls asleep over a frame of shard ${sleeper.shard}`)
    life.process.pause()
    this.wakeAfter(sleeper, plan.lease.leaseMs * asleepLeases)
  }

  /** An operation ended somewhere: if it changed what a sleeper still knows, the sleeper is asked. */
  completed({ request, invokedAt, result }: Operation, by: NodeLife): void {
    const { address, type } = request
    if (type === 'query') this.reads.set(kindOf(address), request)
    const read = this.reads.get(kindOf(address))
    if (type !== 'command' || result?.type !== 'answered' || read === undefined) return
    const { asker, plan } = this
    const shard = shardOfHome(address, plan.shards)
    for (const sleeper of this.sleepers) {
      const stale = sleeper.shard === shard && sleeper.life !== by && invokedAt > sleeper.since
      if (!stale || !sleeper.life.process.alive) continue
      asker.ask(sleeper.life, { ...read, address })
      if (sleeper.asked) continue
      sleeper.asked = true
      this.wakeAfter(sleeper, this.random.between(0, plan.lease.leaseMs / 10))
    }
  }

  private wakeAfter(sleeper: Sleeper, ms: number): void {
    const { counts, kernel } = this
    kernel.after(ms, () => {
      if (!this.sleepers.includes(sleeper)) return
      this.sleepers = this.sleepers.filter((other) => other !== sleeper)
      const { process, name } = sleeper.life
      if (!process.alive || !process.paused) return
      if (sleeper.asked) counts.add('sleeper_asked')
      kernel.say(`${name} wakes up`)
      process.resume()
    })
  }
}
