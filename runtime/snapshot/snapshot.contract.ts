/** What every store of snapshots promises, as tests. Each implementation runs this suite on itself. */
import { describe, expect, it } from 'vitest'
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
