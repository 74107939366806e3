/**
 * Claims: what a shard was told by another one that it has of its messages, told back to that one.
 *
 * A9. No shard has less of another one's messages than it once said it had: those are forgotten where they came
 *     from, so a journal that ends before them has lost them for good, and with them money that is on its way. Who
 *     hears of such a one serves no more.
 *
 * A claim travels as an acknowledgement whose number is negated, to the target instead of the source. Who knows no
 * claims takes it for an old acknowledgement.
 */
import { OpenRefused } from '../errors.js'
import type { Acknowledgement, Lane } from '../shard/lane.js'
import type { ShardState } from '../shard/shard-state.js'

/** Of one target; none when it never said anything. */
export function claimsTo({ shard, outbox }: ShardState, target: number): Acknowledgement[] {
  const number = outbox.acknowledgedNumber(target)
  return number === 0 ? [] : [{ source: shard, target, number: -number }]
}

/** Of all targets. */
export function claimsOf(state: ShardState): Acknowledgement[] {
  return state.outbox.targets().flatMap((target) => claimsTo(state, target))
}

/** The shard an acknowledgement, or a claim, is for. */
export function goalOf({ source, target, number }: Acknowledgement): number {
  return number < 0 ? target : source
}

/** Hears a claim about a shard of a lane (A9). */
export function hearClaim(claim: Acknowledgement, { cursors }: ShardState, lane: Lane): void {
  const { source, target } = claim
  const number = -claim.number
  if (cursors[source]! >= number) return
  const lost = new OpenRefused(
    'journal_regressed',
    `Shard ${target} had message ${number} of shard ${source} once, which its journal does not hold: the journal has lost its end. Restore what was lost; journals of one cluster have to be of one moment.`,
  )
  lane.failAsOwner(lost)
}
