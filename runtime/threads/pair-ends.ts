/**
 * Whether the shards of a folder fit each other, found out before any of them serves.
 *
 * A8. No shard has a message of another one that the other's journal does not hold. Where a thread's lane has lost
 *     its end, nothing else shows it: its groups are a whole journal, only a shorter one.
 */
import { OpenRefused } from '../errors.js'
import type { ShardState } from '../shard/shard-state.js'

/** How far a shard got with each other one. */
export interface PairEnds {
  readonly shard: number
  /** Target and number of the last message to it. */
  readonly sent: readonly (readonly [target: number, number: number])[]
  /** Source and number of the last message of it that was applied. */
  readonly applied: readonly (readonly [source: number, number: number])[]
}

export function pairEndsOf({ shard, outbox, cursors }: ShardState): PairEnds {
  const applied: [number, number][] = []
  for (const [source, number] of cursors.entries()) if (number > 0) applied.push([source, number])
  const sent = outbox.targets().map((target) => [target, outbox.lastNumber(target)] as const)
  return { shard, sent, applied }
}

/** @param all of every shard @throws OpenRefused journal_regressed */
export function checkPairs(all: readonly PairEnds[]): void {
  const sentBy = new Map(all.map(({ shard, sent }) => [shard, new Map(sent)]))
  for (const { shard, applied } of all) {
    for (const [source, number] of applied) {
      if (number <= (sentBy.get(source)?.get(shard) ?? 0)) continue
      throw regressed(
        { shard, source, number },
        'Nothing was changed: put back what is missing, or restore the whole data folder from a copy, and start again',
      )
    }
  }
}

/** @param advice what to do, without a full stop */
export function regressed(
  { shard, source, number }: { shard: number; source: number; number: number },
  advice: string,
): OpenRefused {
  return new OpenRefused(
    'journal_regressed',
    `Shard ${shard} has message ${number} of shard ${source}, which that shard's journal does not hold: the journal has lost its end. ${advice}.`,
  )
}
