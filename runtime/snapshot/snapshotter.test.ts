import { describe, expect, it } from 'vitest'
import { addressOf } from '../actor/address.js'
import { defineActor } from '../actor/define-actor.js'
import type { Lane } from '../shard/lane.js'
import { ShardsInMemory } from '../testing/shards-in-memory.js'
import type { SnapshotStore } from './snapshot-store.js'
import { Snapshotter } from './snapshotter.js'

const counter = defineActor({
  kind: 'counter',
  state: { count: 0 },
  events: { counted: ({ count }) => ({ count: count + 1 }) },
  commands: {
    count(turn) {
      turn.emit('counted', null)
      return null
    },
  },
})

/** A lane of twenty shards, each with something to write, and a store whose writes end when told to. */
async function make(options: { triesAgain?: boolean } = {}) {
  const shards = new ShardsInMemory({ definitions: [counter] }, { shards: 20 })
  for (let i = 0; i < 100; i++) shards.submit('command', addressOf('counter', `c${i}`), 'count')
  await shards.settle()
  const journal = {
    bytesAppended: 0,
    truncated: 0,
    truncate: () => {
      journal.truncated++
      return Promise.resolve()
    },
  }
  const lane = {
    shards: shards.states.map((state) => ({ state })),
    journal,
    atFrameBoundary: (_: unknown, run: () => unknown) => Promise.resolve(run()),
    whenDurable: () => Promise.resolve(),
  } as unknown as Lane
  const writes: { isWhole: boolean; end: () => void; fail: (error: Error) => void }[] = []
  const store: Pick<SnapshotStore, 'write' | 'prune'> = {
    write: (_, { blocks, follows }) => {
      for (const block of blocks) expect(block).toBeDefined()
      const isWhole = follows === undefined
      return new Promise((end, fail) => writes.push({ isWhole, end, fail }))
    },
    prune: () => Promise.resolve([]),
  }
  const failures: unknown[] = []
  const snapshotter = new Snapshotter(lane, {
    ...{ env: shards.env, store, epoch: 1, journalBytes: () => 1_000, ...options },
    report: () => undefined,
    fail: (error) => failures.push(error),
  })
  const endAll = async (): Promise<void> => {
    for (const { end } of writes.splice(0)) end()
    await shards.env.advance(1_000)
  }
  return { shards, journal, writes, snapshotter, failures, endAll }
}

describe('a round of snapshots', () => {
  it('N13: at ease writes one shard at a time', async () => {
    const { shards, journal, writes, snapshotter, endAll } = await make()
    let ended = false
    void snapshotter.snapshotAll().then(() => (ended = true))
    for (let shard = 0; shard < 20; shard++) {
      await shards.env.advance(1_000)
      expect(writes).toHaveLength(1)
      await endAll()
    }
    expect(ended).toBe(true)
    expect(journal.truncated).toBe(1)
  })

  it('N13: in haste writes sixteen at once, and ends when the last is written', async () => {
    const { shards, journal, writes, snapshotter, endAll } = await make()
    let ended = false
    void snapshotter.snapshotAll().then(() => (ended = true))
    journal.bytesAppended = 500
    await shards.env.advance(1_000)
    // The first was begun at ease.
    await endAll()
    expect(writes).toHaveLength(16)
    writes.shift()!.end()
    await shards.env.advance(1_000)
    expect(writes).toHaveLength(16)
    expect(ended).toBe(false)
    await endAll()
    await endAll()
    expect(ended).toBe(true)
    expect(journal.truncated).toBe(1)
  })

  it('does not cut a shard in which nothing happened since the last one', async () => {
    const { shards, snapshotter, endAll, writes } = await make()
    const round = async (): Promise<number> => {
      const seen = { written: 0, ended: false }
      void snapshotter.snapshotAll().then(() => (seen.ended = true))
      while (!seen.ended) {
        await shards.env.advance(1_000)
        seen.written += writes.length
        await endAll()
      }
      return seen.written
    }
    expect(await round()).toBe(20)
    expect(await round()).toBe(0)
    // A cut that is not ended keeps states from being changed in place for good.
    expect(shards.states.map(({ openCuts }) => openCuts)).toEqual(new Array(20).fill(0))
  })

  it('that fails says so for every shard it was at, waits for the others and lets no journal go', async () => {
    const { shards, journal, writes, snapshotter, failures, endAll } = await make()
    let ended = false
    void snapshotter.snapshotAll().then(() => (ended = true))
    journal.bytesAppended = 500
    await shards.env.advance(1_000)
    await endAll()
    const full = new Error('disk full')
    for (const { fail } of writes.splice(0, 2)) fail(full)
    await shards.env.advance(1_000)
    expect(failures).toEqual([full, full])
    expect(ended).toBe(false)
    expect(writes).toHaveLength(14)
    await endAll()
    expect(ended).toBe(true)
    expect(writes).toHaveLength(0)
    expect(journal.truncated).toBe(0)
  })

  it('N12: an increment follows what was written, and a whole one what failed', async () => {
    const { shards, writes, snapshotter, endAll } = await make({ triesAgain: true })
    const address = addressOf('counter', 'c1')
    const written: boolean[] = []
    for (const fails of [false, false, true, false, false]) {
      // The first writes of all shards, then those of the one in which something happens.
      await shards.command(address, 'count', null, `k${written.length}`)
      const seen = { ended: false }
      void snapshotter.snapshotAll().then(() => (seen.ended = true))
      const first = written.length === 0
      while (!seen.ended) {
        await shards.env.advance(1_000)
        const write = writes[0]
        if (write !== undefined && !(first && written.length > 0)) written.push(write.isWhole)
        if (fails) writes.shift()?.fail(new Error('no luck'))
        await endAll()
      }
    }
    expect(written).toEqual([true, false, false, true, false])
  })

  it.each([
    [true, 'is followed by another'],
    [false, 'is the last'],
  ])('that failed, where triesAgain is %s, %s', async (triesAgain) => {
    const { shards, journal, writes, snapshotter, failures, endAll } = await make({ triesAgain })
    const failed = snapshotter.snapshotAll()
    await shards.env.advance(1_000)
    writes.splice(0)[0]!.fail(new Error('no luck'))
    await shards.env.advance(1_000)
    await failed
    expect(failures).toHaveLength(1)
    void snapshotter.snapshotAll()
    for (let shard = 0; shard < 20; shard++) {
      await shards.env.advance(1_000)
      expect(writes).toHaveLength(triesAgain ? 1 : 0)
      await endAll()
    }
    expect(journal.truncated).toBe(triesAgain ? 1 : 0)
  })
})
