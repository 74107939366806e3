import { describe, expect, it } from 'vitest'
import { addressOf } from './address.js'
import { defineActor } from './define-actor.js'
import { cutState } from '../snapshot/snapshot-blocks.js'
import { SnapshotRestore } from '../snapshot/snapshot-restore.js'
import { ShardsInMemory } from '../testing/shards-in-memory.js'
import { FlatStates } from './flat-states.js'
import { ShardState } from '../shard/shard-state.js'

interface Purse {
  readonly owner: string
  readonly coins: number
}

const nobody: Purse = { owner: '', coins: 0 }

/** A state that many purses are given, against the promise. */
const still: Purse = { owner: 'still', coins: 0 }

const purse = defineActor({
  kind: 'purse',
  state: nobody,
  flat: true,
  events: {
    frozen: () => still,
    filled: (state, coins: number) => ({ owner: state.owner, coins: state.coins + coins }),
    given: (state, owner: string) => ({ owner, coins: state.coins }),
    emptied: () => nobody,
  },
  commands: {
    fill(turn, coins: number) {
      turn.emit('filled', coins)
      return turn.state.coins
    },
    give(turn, owner: string) {
      turn.emit('given', owner)
      return turn.state.owner
    },
    empty(turn) {
      turn.emit('emptied', null)
      return null
    },
    freeze(turn) {
      turn.emit('frozen', null)
      return null
    },
    /** Changes twice, then fails. */
    spill(turn) {
      turn.emit('filled', 5)
      turn.emit('given', 'the floor')
      throw new Error('spilt')
    },
  },
})

const anna = addressOf('purse', 'anna')
const bert = addressOf('purse', 'bert')

async function purses() {
  const shards = new ShardsInMemory({ definitions: [purse] }, { shards: 1 })
  const [state] = shards.states
  await shards.command(anna, 'give', 'Anna')
  await shards.command(anna, 'fill', 10)
  return { shards, state: state!, stateOf: (address: string) => state!.actors.get(address)?.state }
}

describe('flat states', () => {
  it('S6: stay in the object they are in, turn after turn', async () => {
    const { shards, stateOf } = await purses()
    const home = stateOf(anna)
    for (let i = 0; i < 3; i++) await shards.command(anna, 'fill', 1)
    await shards.command(anna, 'give', 'Anna Maria')
    expect(stateOf(anna)).toBe(home)
    expect(home).toEqual({ owner: 'Anna Maria', coins: 13 })
  })

  it.each([
    ['the one all begin with', 'empty', nobody],
    ['any other', 'freeze', still],
  ])(
    'are each actor’s own, also when an event gives one state to many: %s',
    async (_, command, given) => {
      const { shards, stateOf } = await purses()
      const before = { ...given }
      for (const address of [anna, bert]) await shards.command(address, command, null)
      await shards.command(bert, 'fill', 3)
      expect(stateOf(anna)).toEqual(before)
      expect(stateOf(bert)).toEqual({ ...before, coins: 3 })
      expect(given).toEqual(before)
    },
  )

  it('are what they were after a turn that throws', async () => {
    const { shards, stateOf } = await purses()
    const home = stateOf(anna)
    await shards.command(anna, 'spill', null).catch(() => undefined)
    expect(stateOf(anna)).toBe(home)
    expect(home).toEqual({ owner: 'Anna', coins: 10 })
  })

  it('S6: of a cut are written as they were, whatever turns come while it is', async () => {
    const { shards, state, stateOf } = await purses()
    const { blocks } = cutState(state)
    await shards.command(anna, 'fill', 100)
    await shards.command(bert, 'fill', 1)
    const { shard, shards: count, kinds, keyRetentionMs } = state
    const copy = new ShardState({ shard, shards: count, kinds, keyRetentionMs })
    const restore = new SnapshotRestore(copy)
    for (const block of blocks) restore.add(block)
    expect(restore.complete).toBe(true)
    expect(copy.load(anna, kinds.of(anna)!).state).toEqual({ owner: 'Anna', coins: 10 })
    expect(copy.load(bert, kinds.of(bert)!).version).toBe(0)
    // With the cut written they stay where they are again.
    const home = stateOf(anna)
    await shards.command(anna, 'fill', 1)
    expect(stateOf(anna)).toBe(home)
    expect(home).toEqual({ owner: 'Anna', coins: 111 })
  })
})

describe('the layout of a kind’s flat states', () => {
  it('is that of the first one: same names, same order', () => {
    const flat = new FlatStates()
    const home = { owner: 'Anna', coins: 1 }
    expect(flat.fits(home)).toBe(true)
    const others = [
      { coins: 2, owner: 'x' },
      { owner: 'x' },
      { owner: 'x', coins: 2, more: 3 },
      [],
      null,
    ]
    for (const other of [...others, 'text', undefined]) expect(flat.into(home, other)).toBe(false)
    expect(home).toEqual({ owner: 'Anna', coins: 1 })
    expect(flat.into(home, { owner: 'Bert', coins: -0 })).toBe(true)
    expect(home).toEqual({ owner: 'Bert', coins: -0 })
  })

  it('is none of what a copy of its fields would not be', () => {
    const flat = new FlatStates()
    class Purse {
      readonly coins = 1
    }
    for (const state of [[], [1], new Purse(), new Map()]) expect(flat.fits(state)).toBe(false)
    expect(flat.fits({ coins: 1 })).toBe(true)
    expect(flat.fits(new Purse())).toBe(false)
  })

  it('is none with a field that would be no field', () => {
    const flat = new FlatStates()
    expect(flat.fits(JSON.parse('{"__proto__":{"coins":1}}'))).toBe(false)
    expect(flat.fits({ coins: 1 })).toBe(true)
  })

  it('takes any name for a name', () => {
    const flat = new FlatStates()
    const home = { 'a"]; throw 1; //': 1, 'line\u2028end': 2 }
    expect(flat.into(home, { 'a"]; throw 1; //': 3, 'line\u2028end': 4 })).toBe(true)
    expect(Object.values(home)).toEqual([3, 4])
  })
})
