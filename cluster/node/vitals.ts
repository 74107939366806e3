/**
 * How a node is: what its process uses, how quick it answers, what its shards do. For `suanpan top` and
 * whoever else looks; gathered when it is asked for, and kept from one look to the next as counters.
 */
import type { ShardStatus } from '../../runtime/index.js'

/** What only the process itself knows. */
export interface ProcessVitals {
  readonly pid: number
  readonly uptimeSeconds: number
  /** Processor seconds used so far. */
  readonly cpuSeconds: number
  readonly rssBytes: number
  /** How late timers were lately, ms. */
  readonly loopDelayMs: number
  /** Requests of this node's clients that were answered so far, and how long they lately took. */
  readonly answered: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** One shard in a node's vitals. */
export interface ShardVitals extends Pick<
  ShardStatus,
  'shard' | 'ordinal' | 'mailbox' | 'outboxMessages' | 'idempotencyKeys'
> {
  /** In memory and packed away. */
  readonly actors: number
}

export interface NodeVitals extends Partial<ProcessVitals> {
  readonly id: string
  readonly name: string
  readonly address: string
  readonly shards: readonly ShardVitals[]
  /** Shards of the node that are left out above, for their storage takes nothing. Missing in earlier releases. */
  readonly leftOut?: readonly number[]
  /** Why the node holds no lease, as long as it holds none. */
  readonly leaseless?: string
  /** Addresses asked most, with their share of the requests here. */
  readonly hot: readonly (readonly [address: string, share: number])[]
  /** Minor units on their way, by currency; what other nodes hold of them counts there. */
  readonly transit: Readonly<Record<string, string>>
}

/** How long a node waits for its shards to write what they show: less than who asks waits for the node. */
export const vitalsWaitMs = 1_000

/**
 * What is known of shards.
 * @param asked all that were asked
 * @param statuses of those that have written what they show
 */
export function shardVitals(
  asked: readonly number[],
  statuses: readonly ShardStatus[],
): Pick<NodeVitals, 'shards' | 'leftOut'> {
  return { shards: statuses.map(vitalsOf), leftOut: leftOutOf(asked, statuses) }
}

/** Shards that were asked and have not written what they show. */
export function leftOutOf(asked: readonly number[], statuses: readonly ShardStatus[]): number[] {
  return asked.filter((number) => !statuses.some(({ shard }) => shard === number))
}

function vitalsOf(status: ShardStatus): ShardVitals {
  return {
    shard: status.shard,
    ordinal: status.ordinal,
    actors: status.actors + status.storedActors,
    mailbox: status.mailbox,
    outboxMessages: status.outboxMessages,
    idempotencyKeys: status.idempotencyKeys,
  }
}
