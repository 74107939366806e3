import { expect, it } from 'vitest'
import { addressOf } from '../actor/address.js'
import { defineActor } from '../actor/define-actor.js'
import { ShardsInMemory } from '../testing/shards-in-memory.js'

const counter = defineActor({
  kind: 'counter',
  state: { count: 0 },
  events: { counted: (state, _data: null) => ({ count: state.count + 1 }) },
  home: (key) => Number(key),
  commands: { count: (turn) => turn.emit('counted', null) },
  queries: { count: (view) => view.self.count },
})

const waitMs = 1000

it('G1: a shard whose storage takes nothing is left out, and holds up no other', async () => {
  const shards = new ShardsInMemory({ definitions: [counter] }, { shards: 2, lanePerShard: true })
  shards.holdAppends = true
  await shards.command(addressOf('counter', '0'), 'count')
  shards.holdAppends = false
  await shards.command(addressOf('counter', '1'), 'count')

  const shown: unknown[] = []
  const show = (asked?: { waitMs?: number }): void =>
    void shards.host.status({ tallies: false, ...asked }).then((statuses) => {
      shown.push(statuses.map(({ shard, ordinal }) => [shard, ordinal]))
    })
  show()
  show({ waitMs })
  await shards.env.advance(waitMs / 2)
  expect(shown).toEqual([])
  await shards.env.advance(waitMs / 2)
  expect(shown).toEqual([[[1, 1]]])
  const both = [
    [0, 1],
    [1, 1],
  ]
  await shards.releaseAppends()
  expect(shown).toEqual([[[1, 1]], both])
  show({ waitMs })
  await shards.settle()
  expect(shown).toEqual([[[1, 1]], both, both])
})
