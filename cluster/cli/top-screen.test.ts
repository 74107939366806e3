import { expect, it } from 'vitest'
import type { ClusterStatus } from '../membership/control.js'
import type { NodeVitals } from '../node/vitals.js'
import { factsOf, screen, type Look } from './top-screen.js'

const status: ClusterStatus = {
  ...{ coordinator: 'a', term: 1, mapVersion: 7, format: 1, nodes: [], shards: [] },
}

/** A look at nodes with these ordinals of their shards. */
function look(at: number, ordinals: Record<string, Record<number, number>>): Look {
  const vitals = Object.entries(ordinals).map(([id, shards]): NodeVitals => {
    const few = { mailbox: 0, outboxMessages: 0, idempotencyKeys: 0, actors: 0 }
    return {
      ...{ id, name: id, address: '', hot: [], transit: {} },
      shards: Object.entries(shards).map(([shard, ordinal]) => ({
        ...{ shard: Number(shard), ordinal, ...few },
      })),
    }
  })
  return { at, status, vitals }
}

const turns = (before: Look, now: Look) =>
  Object.fromEntries(factsOf(before, now).nodes.map(({ id, ...node }) => [id, node.turnsPerSecond]))

it('a shard that was left out, and comes back, did not do all its turns since', () => {
  const before = look(0, { a: { 0: 100 }, b: { 1: 50 } })
  const now = look(2_000, { a: { 0: 300, 2: 1_000_000 }, b: { 1: 50 } })
  expect(turns(before, now)).toEqual({ a: 100, b: 0 })
  expect(screen('shards', before, now, 'c')).toContain('100 turns/s;')
})

it('a shard that moved did at its new owner what it did since', () => {
  const before = look(0, { a: { 0: 100, 1: 900_000 }, b: { 2: 7 } })
  const now = look(1_000, { a: { 0: 110 }, b: { 1: 900_020, 2: 7 } })
  expect(turns(before, now)).toEqual({ a: 10, b: 20 })
})
