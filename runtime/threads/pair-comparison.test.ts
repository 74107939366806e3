import { expect, it } from 'vitest'
import { addressOf } from '../actor/address.js'
import { defineActor } from '../actor/define-actor.js'
import { ShardsInMemory } from '../testing/shards-in-memory.js'

/** Its key is its shard. */
const caller = defineActor({
  kind: 'caller',
  state: { calls: 0 },
  events: { called: (state, _data: null) => ({ calls: state.calls + 1 }) },
  home: (key) => Number(key),
  commands: {
    call(turn, to: string) {
      turn.send(`caller/${to}`, 'hear', null)
    },
    hear: (turn) => turn.emit('called', null),
  },
  queries: { calls: (view) => view.self.calls },
})

it('writes a comparison for no shard while one of them is on its way to another owner', async () => {
  const shards = new ShardsInMemory({ definitions: [caller] }, { shards: 2, lanePerShard: true })
  await shards.command(addressOf('caller', '0'), 'call', '1')
  await shards.command(addressOf('caller', '1'), 'call', '0')
  await shards.settle()
  const ordinals = () => shards.states.map(({ ordinal }) => ordinal)
  const before = ordinals()
  const notReady = expect.objectContaining({ code: 'not_ready' }) as unknown
  const [, away] = shards.lanes
  const retired = shards.host.retire(away!)
  for (let tries = 0; tries < 3; tries++) {
    expect(() => shards.host.comparePairs()).toThrow(notReady)
    await shards.settle()
  }
  expect(ordinals()).toEqual(before)
  expect(await retired).toBe(true)
  shards.host.removeLane(away!)
  shards.host.comparePairs()
  await shards.settle()
  expect(ordinals()[0]).toBe(before[0]! + 1)
})
