import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressOf } from '../actor/address.js'
import { defineActor } from '../actor/define-actor.js'
import { JournalEnv } from '../journal/testing/journal-env.js'
import { ShardState } from '../shard/shard-state.js'
import { difference } from '../simulation/digest.js'
import { ShardsInMemory } from '../testing/shards-in-memory.js'
import { pack, unpack } from '../../transport/index.js'
import { BlockMemory } from './block-memory.js'
import { FileSnapshots } from './file-snapshots.js'
import { restoreNewest } from './restore-newest.js'
import { cutState, mayFollow, type StateCut } from './snapshot-blocks.js'
import { SnapshotRestore } from './snapshot-restore.js'

interface Jar {
  readonly beans: number
  readonly label?: string
}

const emptyJar: Jar = { beans: 0 }

/** Full jars are packed; a label gives a state another shape. */
const jar = defineActor({
  kind: 'jar',
  state: emptyJar,
  events: {
    filled: (state, { beans }: { beans: number }) => ({ ...state, beans: state.beans + beans }),
    labelled: (state, { label }: { label: string }) => ({ ...state, label }),
  },
  history: ({ before, after }) => [before.beans, after.beans],
  passivate: { when: ({ beans }) => beans % 3 === 0 },
  commands: {
    fill(turn, input: { beans: number }) {
      turn.emit('filled', input)
      return turn.state.beans
    },
    label(turn, input: { label: string }) {
      turn.emit('labelled', input)
      return null
    },
    fillLater(turn, input: { beans: number }) {
      turn.after(1e9, 'fill', input)
      return null
    },
  },
})

const scope = { shard: 0, shards: 1, keyRetentionMs: 86_400_000 }
const emptyLike = (state: ShardState): ShardState =>
  new ShardState({ ...scope, kinds: state.kinds })

/** Everything of a state, with the rows of its history by actor. */
function rowsOf(state: ShardState): string {
  const rows: string[] = []
  const cut = state.store.cut()
  const add = (address: string, history: number): void => {
    rows.push(JSON.stringify([address, state.history.read(history, 1e9)]))
  }
  for (const { address, history } of state.actors.values()) add(address, history)
  cut.read(({ address, history }) => add(address, history), 0, cut.slots)
  return rows.sort().join('\n')
}

function restored(live: ShardState, parts: readonly (readonly Uint8Array[])[]): ShardState {
  const state = emptyLike(live)
  const restore = new SnapshotRestore(state)
  for (const part of parts) for (const block of part) restore.add(block)
  expect(restore.complete).toBe(true)
  return state
}

const pulled = ({ blocks }: StateCut): Uint8Array[] =>
  Array.from(blocks, (block) => Buffer.from(block))

describe('increments', () => {
  it('N10: a snapshot and what follows it give the live state, whatever happened between', async () => {
    const step = fc.oneof(
      fc.record({ name: fc.constant('fill'), key: fc.nat(12), beans: fc.nat(4) }),
      fc.record({ name: fc.constant('label'), key: fc.nat(12), beans: fc.nat(4) }),
      fc.record({ name: fc.constant('fillLater'), key: fc.nat(12), beans: fc.nat(4) }),
      fc.record({ name: fc.constant('cut'), key: fc.nat(12), beans: fc.nat(4) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const shards = new ShardsInMemory({ definitions: [jar] }, { shards: 1 })
        const state = shards.states[0]!
        const first = cutState(state)
        const parts = [pulled(first)]
        let { mark } = first
        let keys = 0
        const cut = (): void => {
          const follows = mayFollow(state, mark)
          const next = cutState(state, follows ? mark : undefined)
          if (!follows) parts.length = 0
          parts.push(pulled(next))
          mark = next.mark
          const copy = restored(state, parts)
          expect(difference(copy, state)).toBeUndefined()
          expect(rowsOf(copy)).toBe(rowsOf(state))
        }
        for (const { name, key, beans } of steps) {
          if (name === 'cut') cut()
          else {
            const input = name === 'label' ? { label: `l${beans}` } : { beans }
            await shards.command(addressOf('jar', `j${key}`), name, input, `k${keys++}`)
          }
        }
        cut()
      }),
      { numRuns: 40 },
    )
  })

  it('N10: an increment is small where little has changed', async () => {
    const shards = new ShardsInMemory({ definitions: [jar] }, { shards: 1 })
    for (let i = 0; i < 300; i++) {
      shards.submit('command', addressOf('jar', `j${i}`), 'fill', { beans: i % 7 }, `k${i}`)
    }
    await shards.settle()
    const state = shards.states[0]!
    await shards.env.advance(1_000)
    await shards.command(addressOf('jar', 'j6'), 'fill', { beans: 1 }, 'later')
    const whole = cutState(state)
    const bytes = Buffer.concat(pulled(whole)).length
    await shards.env.advance(1_000)
    await shards.command(addressOf('jar', 'j5'), 'fill', { beans: 1 }, 'more')
    const more = Buffer.concat(pulled(cutState(state, whole.mark))).length
    expect(more * 10).toBeLessThan(bytes)
  })

  it('N10: an increment follows a snapshot of actors in memory, though others are stored only behind it', async () => {
    const shards = new ShardsInMemory({ definitions: [jar] }, { shards: 1 })
    const state = shards.states[0]!
    await shards.command(addressOf('jar', 'j1'), 'fill', { beans: 1 }, 'k1')
    const whole = cutState(state)
    const parts = [pulled(whole)]
    await shards.command(addressOf('jar', 'j2'), 'label', { label: 'full' }, 'k2')
    await shards.command(addressOf('jar', 'j3'), 'fill', { beans: 3 }, 'k3')
    expect(mayFollow(state, whole.mark)).toBe(true)
    parts.push(pulled(cutState(state, whole.mark)))
    expect(difference(restored(state, parts), state)).toBeUndefined()
  })

  it('a block written by hand is what pack writes', () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('abc'), Buffer.alloc(70_000, 7)]) {
      const written = new BlockMemory().packBytes('history behind', bytes, 3, 262_144)
      expect(unpack(written)).toEqual(unpack(pack(['history behind', bytes, 3, 262_144])))
    }
  })
})

describe('chains of files', () => {
  const durable = (): Promise<void> => Promise.resolve()
  const path = (name: string): string => `/data/snapshots/00000/${name}.snap`

  /** Writes a snapshot and increments behind every few turns. */
  const written = async (env: JournalEnv, wholes: readonly number[], count: number) => {
    const shards = new ShardsInMemory({ definitions: [jar] }, { shards: 1 })
    const store = new FileSnapshots(env.disk, '/data/snapshots', Buffer.alloc(16, 7))
    const state = shards.states[0]!
    const kept: string[][] = []
    let last: StateCut | undefined
    for (let i = 1; i <= count; i++) {
      await shards.command(addressOf('jar', `j${i}`), 'fill', { beans: i }, `k${i}`)
      const follows = last === undefined || wholes.includes(i) ? undefined : last
      const cut = cutState(state, follows?.mark)
      const name = { ordinal: cut.ordinal, epoch: 1 }
      await store.write(
        0,
        {
          ...{ ...name, blocks: cut.blocks },
          ...(follows === undefined ? {} : { follows: { ordinal: follows.ordinal, epoch: 1 } }),
        },
        durable,
      )
      kept.push((await store.prune(0)).map((one) => one.name))
      last = cut
    }
    return { store, state, kept }
  }
  const nameOf = (ordinal: number, after?: number): string =>
    [ordinal, ...(after === undefined ? [] : [after])]
      .map((each) => `${String(each).padStart(16, '0')}-00000001`)
      .join('-after-')

  const flip = async (env: JournalEnv, name: string): Promise<void> => {
    const file = await env.disk.open(path(name), 'readwrite')
    const [byte] = await file.read(100, 1)
    await file.write(Buffer.of(byte! ^ 1), 100)
    await file.close()
  }

  it('N8: two chains are kept, whole; the journal is needed from the end of the older one', async () => {
    const env = new JournalEnv()
    const { kept } = await written(env, [3, 5], 6)
    expect(kept.at(1)).toEqual([path(nameOf(2, 1))])
    expect(kept.at(3)).toEqual([path(nameOf(4, 3)), path(nameOf(2, 1))])
    expect(kept.at(-1)).toEqual([path(nameOf(6, 5)), path(nameOf(4, 3))])
    expect(await env.disk.list('/data/snapshots/00000')).toEqual(
      [nameOf(3), nameOf(4, 3), nameOf(5), nameOf(6, 5)].map((name) => `${name}.snap`),
    )
  })

  it('V1: with any one file damaged the newest place before it, or the other chain, gives the state', async () => {
    const cases: [string, number, string[]][] = [
      [nameOf(6, 5), 5, [nameOf(6, 5)]],
      [nameOf(5, 4), 4, [nameOf(5, 4)]],
      [nameOf(4), 3, [nameOf(4)]],
      [nameOf(2, 1), 6, []],
    ]
    for (const [name, ordinal, named] of cases) {
      const env = new JournalEnv()
      const { store, state } = await written(env, [4], 6)
      await flip(env, name)
      const passed: string[] = []
      const found = await restoreNewest(
        store,
        0,
        () => emptyLike(state),
        (_, part) => passed.push(part),
      )
      expect(found.ordinal).toBe(ordinal)
      expect(passed).toEqual(named.map(path))
    }
  })

  it('an increment without what it follows is no snapshot, and is removed', async () => {
    const env = new JournalEnv()
    const { store } = await written(env, [4], 6)
    await env.disk.remove(path(nameOf(5, 4)))
    expect((await store.newest(0)).map(({ ordinal }) => ordinal)).toEqual([4, 3, 2, 1])
    await store.prune(0)
    expect(await env.disk.list('/data/snapshots/00000')).not.toContain(`${nameOf(6, 5)}.snap`)
  })

  it('an increment that was named behind another snapshot is refused', async () => {
    const env = new JournalEnv()
    const { store, state } = await written(env, [4], 6)
    await env.disk.rename(path(nameOf(6, 5)), path(nameOf(6, 3)))
    const passed: string[] = []
    const found = await restoreNewest(
      store,
      0,
      () => emptyLike(state),
      (_, part) => passed.push(part),
    )
    expect(passed).toEqual([path(nameOf(6, 3))])
    expect(found.ordinal).toBe(5)
  })
})
