/** How a shard is, as plain data for operators and audits. */
import type { QuarantinedActor, ShardStatus } from '../actor/client.js'
import type { Shard } from './shard.js'
import type { ShardState } from './shard-state.js'

/** @param tally whether to copy the shard's tally, which may be large */
export function statusOf(
  shard: Shard,
  thread: number,
  activity: string,
  tally: boolean,
): ShardStatus {
  const { state } = shard
  return {
    shard: state.shard,
    thread,
    state: activity,
    ordinal: state.ordinal,
    actors: state.actors.size,
    storedActors: state.store.size,
    idempotencyKeys: state.keys.size,
    outboxMessages: state.outbox.size,
    mailbox: shard.mailboxLength,
    ...(tally ? { tally: structuredClone(state.tally) } : {}),
    disagreements: [...state.disagreements],
  }
}

/** Actors of a shard that are set aside. */
export function quarantinedOf(state: ShardState): QuarantinedActor[] {
  return state.quarantine.all().map((entry) => ({
    address: entry.address,
    shard: state.shard,
    since: entry.since,
    reason: entry.reason,
    parkedMessages: entry.waiting.length,
  }))
}
