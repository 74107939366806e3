/** What members ask each other beside payments, and what a node answers: plain data both ways. */
import { Fault, type Address, type ShardNode } from '../../runtime/index.js'

/** How long a member waits for its shards to write what they show: less than the asker does for its answer. */
const statusWaitMs = 2_000

/** Calls by name. Those about all shards are answered with a list, for the asker to join. */
export async function answerCall(node: ShardNode, name: string, input: unknown): Promise<unknown> {
  switch (name) {
    case 'status':
      // A shard whose storage takes nothing is left out, and missed by the asker by its number.
      return node.status({ ...statusOrder(input), waitMs: statusWaitMs })
    case 'quarantined':
      return node.quarantined()
    case 'release':
      return node.release(input as Address)
    case 'comparePairs':
      node.comparePairs()
      return []
    case 'silentPairs':
      return node.silentPairs()
    case 'snapshot':
      await node.snapshot()
      return []
    default:
      throw new Fault('unknown_command', `Members do not know the call "${name}".`)
  }
}

/** A member of an earlier release asks for all. */
function statusOrder(input: unknown): { readonly shards?: readonly number[] } {
  return Array.isArray(input) ? { shards: input as number[] } : {}
}
