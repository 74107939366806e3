/**
 * A shard's state as bytes that are equal exactly when the journal says the same: for comparing a live
 * shard, its snapshot and a replay.
 */
import { pack } from '../../transport/index.js'
import type { ShardState } from '../shard/shard-state.js'

/**
 * Everything a journal decides. What it does not decide is left out: which idle actors are packed, and
 * which owed messages have been acknowledged.
 * @returns named parts, so that a difference can be told
 */
export function digest(state: ShardState): Record<string, Uint8Array> {
  const parts: Record<string, unknown> = {
    position: [state.ordinal, state.time, state.sequence],
    cursors: [...state.cursors],
    sent: state.outbox.dump().lanes.map(([target, last]) => [target, last]),
    timers: [state.timers.next, state.timers.all()],
    quarantine: state.quarantine.all(),
    refusals: state.refusals,
    disagreements: state.disagreements,
    tally: state.tally,
    keys: [...state.keys.dump()],
    actors: actorsOf(state),
  }
  return Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, pack(part)]))
}

/** @returns the name of the first part that differs */
export function difference(one: ShardState, other: ShardState): string | undefined {
  const a = digest(one)
  const b = digest(other)
  const differs = Object.keys(a).find((name) => !Buffer.from(a[name]!).equals(b[name]!))
  return differs ?? owedDifference(one, other)
}

/** Messages owed on one side must be the same on the other, unless they are acknowledged there. */
function owedDifference(one: ShardState, other: ShardState): string | undefined {
  const owed = owedBy(other)
  for (const [name, bytes] of owedBy(one)) {
    const same = owed.get(name)
    if (same !== undefined && !same.equals(bytes)) return `message ${name}`
  }
  return undefined
}

function owedBy(state: ShardState): Map<string, Buffer> {
  return new Map(
    state.outbox.dump().messages.map((message) => {
      const { target, number, address, command, input, from, then, context, stamp } = message
      const name = `${state.shard}→${target} ${number}`
      return [name, Buffer.from(pack([address, command, input, from, then, context, stamp]))]
    }),
  )
}

function actorsOf(state: ShardState): unknown[] {
  const actors = [...state.actors.values()].filter(({ version }) => version > 0)
  const cut = state.store.cut()
  cut.read(
    (stored) => {
      actors.push(state.unpackActor(stored, state.kinds.of(stored.address)!))
    },
    0,
    cut.slots,
  )
  return actors
    .sort((a, b) => (a.address < b.address ? -1 : 1))
    .map(({ address, version, history, state: own }) => [address, version, history, own])
}
