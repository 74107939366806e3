/**
 * Weighted rendezvous hashing: every pair of a shard and a node has a score, the same for whoever
 * computes it, and a node wins a share of all shards that goes with its weight (score −w / ln u).
 */

/** Score of a node for a shard; the highest is the favourite. */
export function scoreOf(shard: number, node: string, weight: number): number {
  return -weight / Math.log(unitOf(shard, node))
}

/** A number in (0, 1) made of a shard and a node. */
function unitOf(shard: number, node: string): number {
  let hash = 0x811c9dc5 ^ Math.imul(shard + 1, 0x9e3779b1)
  for (let i = 0; i < node.length; i++) hash = Math.imul(hash ^ node.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x21f0aaad)
  hash = Math.imul(hash ^ (hash >>> 15), 0x735a2d97)
  return (((hash ^ (hash >>> 15)) >>> 0) + 0.5) / 2 ** 32
}
