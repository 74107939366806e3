/** What a replay leaves behind in memory; that it gives the live state: see `shard.test.ts` and the simulation. */
import { expect, it } from 'vitest'
import { addressOf } from '../actor/address.js'
import { defineActor } from '../actor/define-actor.js'
import { Kinds } from '../actor/kinds.js'
import { snapshotBlocks } from '../snapshot/snapshot-blocks.js'
import { SnapshotRestore } from '../snapshot/snapshot-restore.js'
import { ShardsInMemory } from '../testing/shards-in-memory.js'
import { replayFrame } from './replay.js'
import { ShardState } from './shard-state.js'

const notebook = defineActor({
  kind: 'notebook',
  state: { text: '' },
  events: { written: (_, text: string) => ({ text }) },
  commands: {
    write(turn, text: string) {
      turn.emit('written', text)
      return null
    },
  },
  queries: { text: (view) => view.self.text },
})
const thin = addressOf('notebook', 'thin')
const thick = addressOf('notebook', 'thick')
const fresh = addressOf('notebook', 'fresh')
const longText = 'many words '.repeat(100)

it('RP1: packs what came out of the store again behind its turn, but nothing large', async () => {
  const shards = new ShardsInMemory({ definitions: [notebook] }, { shards: 1 })
  await shards.command(thin, 'write', 'a word')
  await shards.command(thick, 'write', longText)
  const snapshot = [...snapshotBlocks(shards.states[0]!)]
  await shards.command(thin, 'write', 'another')
  await shards.command(thin, 'write', 'the last')
  await shards.command(thick, 'write', `${longText}, and more`)
  await shards.command(fresh, 'write', 'new')

  const { kinds } = shards.states[0]!
  const state = new ShardState({ shard: 0, shards: 1, kinds, keyRetentionMs: 86_400_000 })
  const restore = new SnapshotRestore(state)
  for (const block of snapshot) restore.add(block)
  for (const frame of shards.frames) replayFrame(state, frame)

  expect([...state.actors.keys()]).toEqual([thick, fresh])
  expect(state.store.size).toBe(1)
  shards.states = [state]
  shards.start(kinds)
  expect((await shards.query(thin, 'text'))?.value).toBe('the last')
  expect((await shards.query(thick, 'text'))?.value).toBe(`${longText}, and more`)
  expect((await shards.query(fresh, 'text'))?.value).toBe('new')
})

const spoiling = new Error('the word is not known')
const spoil = (): never => {
  throw spoiling
}

it.each([
  ['an event', { events: { written: spoil } }],
  ['its history', { history: spoil }],
  ['passivate.when', { passivate: { when: spoil } }],
])('refuses to open a journal on which %s fails today, and names the event', async (_, today) => {
  const shards = new ShardsInMemory({ definitions: [notebook] }, { shards: 1 })
  await shards.command(thin, 'write', 'a word')
  const kinds = new Kinds({ definitions: [{ ...notebook, ...today }] })
  const state = new ShardState({ shard: 0, shards: 1, kinds, keyRetentionMs: 86_400_000 })
  const replay = (): void => replayFrame(state, shards.frames[0]!)
  expect(replay).toThrow(
    expect.objectContaining({
      code: 'invalid_options',
      message: expect.stringContaining('"notebook@1.written" of notebook/thin'),
      cause: spoiling,
    }),
  )
})
