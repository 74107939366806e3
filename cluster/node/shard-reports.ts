/** What a node tells the others of its shards: how far they are durable, and how much they do. */
import type { ShardReport } from '../membership/member.js'

/** What was told last. */
export interface Told {
  /** Monotonic ms. */
  readonly at: number
  readonly ordinals: ReadonlyMap<number, number>
}

/** @param ordinals durable ordinals of the shards served, at a monotonic time */
export function shardReports(
  told: Told,
  { at, ordinals }: Told,
): { readonly reports: Map<number, ShardReport>; readonly told: Told } {
  const seconds = Math.max(0.001, (at - told.at) / 1000)
  const reports = new Map<number, ShardReport>()
  for (const [shard, ordinal] of ordinals) {
    const before = told.ordinals.get(shard) ?? ordinal
    reports.set(shard, { ordinal, load: Math.round(Math.max(0, ordinal - before) / seconds) })
  }
  return { reports, told: { at, ordinals } }
}
