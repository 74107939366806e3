/**
 * How a node leaves: it gives its shards to others as long as they take them, then ends what is left. Who
 * stops a node kills it after half a minute, usually: all of this ends before, whatever NATS does.
 */
import type { Env, ShardNode } from '../../runtime/index.js'
import type { Membership } from '../membership/membership.js'
import { pause, within } from '../membership/within.js'
import type { ShardAssignments } from '../placement/shard-assignments.js'

const lookMs = 20
/** Waited for others to take the next shard, and for all, ms. */
const nextMs = 10_000
const allMs = 20_000
/** Waited for a lease that does not hold, ms: without one nothing is given to anybody. */
const leaseMs = 2_000
/** Waited for snapshots and frames under way, ms: without NATS none of them ends. */
const endMs = 6_000

export class Departure {
  private readonly env: Env
  private readonly membership: Membership
  private readonly assignments: ShardAssignments
  private readonly node: ShardNode

  constructor(env: Env, membership: Membership, assignments: ShardAssignments, node: ShardNode) {
    this.env = env
    this.membership = membership
    this.assignments = assignments
    this.node = node
  }

  /** Gives all shards to others, as long as there are others, they take them in time, and the lease holds. */
  async drain(): Promise<void> {
    const { membership, assignments } = this
    membership.drain()
    let left = assignments.owned().length
    const waited = { next: 0, lease: 0, all: 0 }
    while (waited.next < nextMs && waited.lease < leaseMs && waited.all < allMs) {
      if (!this.hasHeirs() || left === 0) return
      await pause(this.env, lookMs)
      const now = assignments.owned().length
      waited.next = now < left ? 0 : waited.next + lookMs
      waited.lease = membership.valid ? 0 : waited.lease + lookMs
      waited.all += lookMs
      left = now
    }
  }

  /**
   * Closes the shards that are still here in good order.
   * @returns false when some can't be in time: they are as after a crash
   */
  async end(): Promise<boolean> {
    const { node } = this
    await within(this.env, endMs, Promise.all(node.shards.map((shard) => node.handOver(shard))))
    return node.shards.length === 0
  }

  private hasHeirs(): boolean {
    const { id, view } = this.membership
    return view.alive().some((member) => member.id !== id && member.state === 'up')
  }
}
