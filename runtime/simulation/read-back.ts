/** What a replay of everything that counts would serve: the end of a run as oracles see it. */
import type { Kinds } from '../actor/kinds.js'
import { isRefusal } from '../actor/refusal.js'
import { isParked } from '../actor/turn.js'
import { Fault, Refused } from '../errors.js'
import type { ShardState } from '../shard/shard-state.js'
import { ActorView } from '../shard/shard-view.js'
import type { EndView } from './oracle.js'

/** @param states by shard */
export function readBack(
  kinds: Kinds,
  states: readonly ShardState[],
): Pick<EndView, 'query' | 'addresses'> {
  return {
    query: (address, name, input) => {
      const run = kinds.of(address)?.queries.get(name)
      if (run === undefined) throw new Fault('unknown_command')
      const state = states[kinds.shardOf(address, states.length)]!
      const outcome = run(new ActorView(state, address, state.time), input)
      if (isRefusal(outcome)) throw new Refused(outcome.refused, outcome.detail)
      if (isParked(outcome)) throw new Fault('not_ready')
      return outcome
    },
    addresses: function* () {
      for (const state of states) {
        yield* state.actors.keys()
        const stored: string[] = []
        const cut = state.store.cut()
        cut.read((actor) => stored.push(actor.address), 0, cut.slots)
        yield* stored
      }
    },
  }
}
