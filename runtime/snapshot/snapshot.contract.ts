/** What every store of snapshots promises, as tests. Each implementation runs this suite on itself. */
import { describe, expect, it } from 'vitest'
import { Kinds } from '../actor/kinds.js'
import { recordKinds } from '../messaging/idempotency-table.js'
import { ShardState } from '../shard/shard-state.js'
import { pack } from '../../transport/index.js'
import { restoreNewest } from './restore-newest.js'
import { cutState, snapshotBlocks } from './snapshot-blocks.js'
import type { SnapshotCandidate, SnapshotStore } from './snapshot-store.js'

/** A store, and how to harm it. */
export interface SnapshotsUnderTest<Candidate extends SnapshotCandidate> {
  readonly store: SnapshotStore<Candidate>
  /** Flips a bit somewhere within a snapshot. */
  damage(shard: number, candidate: Candidate): Promise<void>
}

const durable = (): Promise<void> => Promise.resolve()

export function blocksOf(seed: number): Buffer[] {
  const sizes = [1, 0, 4_000, 511 * 1024, 512 * 1024 - 4, 7, 2 * 1024 * 1024 + seed]
  return sizes.map((size, i) => Buffer.alloc(size, `${seed}.${i} `))
}

const kinds = new Kinds({ definitions: [] })

function emptyState(shard: number): ShardState {
  return new ShardState({ shard, shards: 3, kinds, keyRetentionMs: 86_400_000 })
}

/** A shard that remembers so many keys that its snapshot is several messages long. */
function stateWithKeys(shard: number): ShardState {
  const state = emptyState(shard)
  for (let number = 1; number <= 40_000; number++) {
    const hashes = Array.from({ length: 7 }, (_, word) => Math.imul(number + shard, word + 0x9e37))
    state.keys.insert(hashes, number, recordKinds.note, number)
  }
  state.ordinal = 40_000
  return state
}

export function snapshotContract<Candidate extends SnapshotCandidate>(
  name: string,
  make: () => SnapshotsUnderTest<Candidate>,
): void {
  describe(`${name} keep the contract of snapshots`, () => {
    const read = async (
      { store }: SnapshotsUnderTest<Candidate>,
      shard: number,
      candidate: Candidate | undefined,
    ): Promise<Buffer[]> => {
      const blocks: Buffer[] = []
      if (candidate === undefined) throw new Error('there is no such snapshot')
      await store.read(shard, candidate, (block) => blocks.push(Buffer.from(block)))
      return blocks
    }

    it('give back the blocks of each shard, whatever their size', async () => {
      const under = make()
      expect(await under.store.newest(1)).toEqual([])
      for (const shard of [1, 2]) {
        const cut = { ordinal: 10 * shard, epoch: 3, blocks: blocksOf(shard) }
        await under.store.write(shard, cut, durable)
      }
      for (const shard of [1, 2]) {
        const [newest, ...others] = await under.store.newest(shard)
        expect(newest).toMatchObject({ ordinal: 10 * shard, epoch: 3 })
        expect(others).toEqual([])
        const blocks = await read(under, shard, newest)
        expect(Buffer.concat(blocks).equals(Buffer.concat(blocksOf(shard)))).toBe(true)
        expect(blocks.map(({ length }) => length)).toEqual(blocksOf(shard).map((b) => b.length))
      }
    })

    it('take each block as it is when it is made, whatever else is packed meanwhile', async () => {
      const under = make()
      const states = [1, 2].map(stateWithKeys)
      const writes = states.map((state) => {
        const { ordinal, blocks } = cutState(state)
        // A rest between two pieces: the other shard's turn, and that of whoever packs anything.
        const rest = (): Promise<void> => {
          pack({ other: 'data'.repeat(1_000) })
          return Promise.resolve()
        }
        const pace = { pieceBytes: 64 * 1024, rest }
        return under.store.write(state.shard, { ordinal, epoch: 1, blocks, pace }, durable)
      })
      await Promise.all(writes)
      for (const state of states) {
        const restored = await restoreNewest(under.store, state.shard, () =>
          emptyState(state.shard),
        )
        expect(
          Buffer.concat(snapshotBlocks(restored)).equals(Buffer.concat(snapshotBlocks(state))),
        ).toBe(true)
      }
    })

    it('V1: one whose contents make no sense is passed over like a damaged one', async () => {
      const { store } = make()
      const state = stateWithKeys(1)
      const { ordinal } = state
      await store.write(1, { ordinal, epoch: 1, blocks: cutState(state).blocks }, durable)
      const [meta] = snapshotBlocks(state)
      const foreign = [Buffer.from('no block'), pack(['keys', { first: 7 }])]
      for (const [i, block] of foreign.entries()) {
        const cut = { ordinal: ordinal + 1 + i, epoch: 1, blocks: [meta!, block] }
        await store.write(1, cut, durable)
        const passed: string[] = []
        const pass = (_: unknown, __: string, why: string): void => void passed.push(why)
        const restored = await restoreNewest(store, 1, () => emptyState(1), pass)
        expect(restored.ordinal).toBe(ordinal)
        expect(passed).toHaveLength(i + 1)
        for (const why of passed) expect(why).toContain("holds what can't be read")
      }
    })

    it('N4: there is none before its ordinal is durable', async () => {
      const { store } = make()
      const cut = { ordinal: 5, epoch: 1, blocks: blocksOf(1) }
      await store.write(1, cut, async () => {
        expect(await store.newest(1)).toEqual([])
      })
      expect(await store.newest(1)).toHaveLength(1)
    })

    it('keep two, and list the newest first', async () => {
      const under = make()
      for (const ordinal of [10, 20, 30, 40]) {
        await under.store.write(1, { ordinal, epoch: 1, blocks: blocksOf(ordinal) }, durable)
        const kept = await under.store.prune(1)
        expect(kept.map((each) => each.ordinal)).toEqual(
          ordinal === 10 ? [10] : [ordinal, ordinal - 10],
        )
      }
      const listed = await under.store.newest(1)
      expect(listed.map(({ ordinal }) => ordinal)).toEqual([40, 30])
      const blocks = await read(under, 1, listed[1])
      expect(Buffer.concat(blocks).equals(Buffer.concat(blocksOf(30)))).toBe(true)
    })

    it('N8: every place in a chain gives all blocks from the whole one on; two chains are kept', async () => {
      const under = make()
      const write = async (ordinal: number, after?: number): Promise<number[]> => {
        const follows = after === undefined ? {} : { follows: { ordinal: after, epoch: 1 } }
        const cut = { ordinal, epoch: 1, blocks: [Buffer.from(`block ${ordinal}`)], ...follows }
        await under.store.write(1, cut, durable)
        return (await under.store.prune(1)).map((each) => each.ordinal)
      }
      expect(await write(10)).toEqual([10])
      expect(await write(20, 10)).toEqual([20])
      expect(await write(30)).toEqual([30, 20])
      expect(await write(40, 30)).toEqual([40, 20])
      expect(await write(50, 40)).toEqual([50, 20])
      const places = new Map<number, string>()
      for (const candidate of await under.store.newest(1)) {
        expect(candidate.parts.at(-1)).toBe(candidate.name)
        places.set(candidate.ordinal, (await read(under, 1, candidate)).join())
      }
      expect([...places]).toEqual([
        [50, 'block 30,block 40,block 50'],
        [40, 'block 30,block 40'],
        [30, 'block 30'],
        [20, 'block 10,block 20'],
        [10, 'block 10'],
      ])
      expect(await write(60)).toEqual([60, 50])
      const left = (await under.store.newest(1)).map(({ ordinal }) => ordinal)
      expect(left).toEqual([60, 50, 40, 30])
    })

    it('N8: damage names the part it is in, and the places before it read', async () => {
      const under = make()
      for (const [ordinal, after] of [[10], [20, 10], [30, 20]] as const) {
        const follows = after === undefined ? {} : { follows: { ordinal: after, epoch: 1 } }
        await under.store.write(
          1,
          { ordinal, epoch: 1, blocks: blocksOf(ordinal), ...follows },
          durable,
        )
      }
      const [last, middle, whole] = await under.store.newest(1)
      await under.damage(1, middle!)
      for (const candidate of [last, middle]) {
        await expect(read(under, 1, candidate)).rejects.toMatchObject({
          code: 'damaged',
          place: { file: middle!.name },
        })
      }
      expect(await read(under, 1, whole)).toHaveLength(blocksOf(10).length)
    })

    it('N3: one that is damaged says so, and the older one reads', async () => {
      const under = make()
      for (const ordinal of [10, 20]) {
        await under.store.write(1, { ordinal, epoch: 1, blocks: blocksOf(ordinal) }, durable)
      }
      const [newest, older] = await under.store.newest(1)
      await under.damage(1, newest!)
      await expect(read(under, 1, newest)).rejects.toMatchObject({ code: 'damaged' })
      expect(await read(under, 1, older)).toHaveLength(blocksOf(10).length)
    })
  })
}
