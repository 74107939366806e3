/**
 * What every journal promises, as tests. Each implementation runs this suite on itself.
 */
import { describe, expect, it } from 'vitest'
import type { Frame, JournalLane } from './journal.js'
import { FrameSource, lineOf } from './testing/frames.js'

/** A journal that can be opened again and again. */
export interface JournalUnderTest {
  /** Opens it anew; lanes opened before are fenced. @param lanes shards by lane */
  open(lanes: readonly (readonly number[])[]): Promise<JournalLane[]>
  /** All frames of a shard after an ordinal, as an opener would read them now. */
  read(shard: number, after: number): Promise<Frame[]>
  /** The next append fails on its way to the disk. */
  failNextAppend(): void
}

export function journalContract(name: string, make: () => JournalUnderTest): void {
  describe(`${name} keeps the contract of a journal`, () => {
    it('gives back the frames of a shard as they were appended, in order', async () => {
      const journal = make()
      const [lane] = await journal.open([[0, 1]])
      const source = new FrameSource()
      const written = [source.next(0), source.next(1), source.next(0, 0), source.next(0, 3_000, 1)]
      await lane!.append(written.slice(0, 2))
      await lane!.append([written[2]!])
      await lane!.append([written[3]!])
      await journal.open([[0, 1]])
      const expected = written.filter(({ shard }) => shard === 0).map(lineOf)
      expect((await journal.read(0, 0)).map(lineOf)).toEqual(expected)
      expect((await journal.read(1, 0)).map(lineOf)).toEqual([lineOf(written[1]!)])
    })

    it('leaves out what is not wanted any more', async () => {
      const journal = make()
      const [lane] = await journal.open([[0]])
      const source = new FrameSource()
      const written = [source.next(0), source.next(0), source.next(0)]
      for (const frame of written) await lane!.append([frame])
      await journal.open([[0]])
      expect((await journal.read(0, 4)).map(lineOf)).toEqual([lineOf(written[2]!)])
    })

    it('J1: refuses a second append while one is in flight', async () => {
      const [lane] = await make().open([[0]])
      const source = new FrameSource()
      const first = lane!.append([source.next(0)])
      await expect(lane!.append([source.next(0)])).rejects.toThrow('one append at a time')
      await first
    })

    it('refuses frames with a gap in their ordinals, and frames of other shards', async () => {
      const journal = make()
      const [lane] = await journal.open([[0]])
      const gap = { ...new FrameSource().next(0), firstOrdinal: 2 }
      await expect(lane!.append([gap])).rejects.toThrow()
      const [other] = await journal.open([[0]])
      await expect(other!.append([new FrameSource().next(5)])).rejects.toThrow()
    })

    it('J2: an owner that was succeeded appends nothing that counts', async () => {
      const journal = make()
      const [old] = await journal.open([[0]])
      const source = new FrameSource()
      await old!.append([source.next(0)])
      expect(old!.isOwner()).toBe(true)
      const [young] = await journal.open([[0]])
      expect(saysItOwns(old!)).toBe(false)
      const lost = new FrameSource({ 0: 2 }).next(0, 11)
      await expect(old!.append([lost])).rejects.toMatchObject({ code: 'fenced' })
      const kept = new FrameSource({ 0: 2 }).next(0, 22)
      await young!.append([kept])
      await journal.open([[0]])
      const lines = (await journal.read(0, 2)).map(lineOf)
      expect(lines).toEqual([lineOf(kept)])
    })

    it('J3: takes no more after a failed append', async () => {
      const journal = make()
      const [lane] = await journal.open([[0]])
      const source = new FrameSource()
      await lane!.append([source.next(0)])
      journal.failNextAppend()
      await expect(lane!.append([source.next(0)])).rejects.toMatchObject({ code: 'journal_failed' })
      await expect(lane!.append([source.next(0)])).rejects.toMatchObject({ code: 'journal_failed' })
      await expect(lane!.seal()).rejects.toMatchObject({ code: 'journal_failed' })
    })

    it('takes no more after a seal', async () => {
      const journal = make()
      const [lane] = await journal.open([[0]])
      const source = new FrameSource()
      await lane!.append([source.next(0)])
      await lane!.seal()
      await expect(lane!.append([source.next(0)])).rejects.toMatchObject({ code: 'closed' })
      await journal.open([[0]])
      expect(await journal.read(0, 0)).toHaveLength(1)
    })

    it('lets go only of what snapshots stand for', async () => {
      const journal = make()
      const [lane] = await journal.open([[0, 1]])
      const source = new FrameSource()
      for (let i = 0; i < 40; i++) await lane!.append([source.next(0, 700), source.next(1, 700)])
      await lane!.truncate(
        new Map([
          [0, 60],
          [1, 30],
        ]),
      )
      await lane!.append([source.next(0), source.next(1)])
      await journal.open([[0, 1]])
      for (const [shard, covered] of [
        [0, 60],
        [1, 30],
      ] as const) {
        const frames = await journal.read(shard, covered)
        expect(frames[0]!.firstOrdinal).toBe(covered + 1)
        expect(frames).toHaveLength((82 - covered) / 2)
      }
    })

    it('counts the bytes it appended', async () => {
      const [lane] = await make().open([[0]])
      const source = new FrameSource()
      await lane!.append([source.next(0, 500)])
      const before = lane!.bytesAppended
      await lane!.append([source.next(0, 5_000)])
      expect(before).toBeGreaterThanOrEqual(500)
      expect(lane!.bytesAppended - before).toBeGreaterThanOrEqual(5_000)
    })

    it('goes on with other lanes than before', async () => {
      const journal = make()
      const source = new FrameSource()
      for (const lanes of [
        [[0, 1, 2, 3]],
        [
          [0, 2],
          [1, 3],
        ],
        [[0], [1], [2], [3]],
        [[3, 2, 1, 0]],
      ]) {
        const opened = await journal.open(lanes)
        for (const [i, shards] of lanes.entries()) {
          await opened[i]!.append(shards.map((shard) => source.next(shard)))
          await opened[i]!.append([source.next(shards[0]!)])
        }
      }
      await journal.open([[0, 1, 2, 3]])
      for (const shard of [0, 1, 2, 3]) {
        const frames = await journal.read(shard, 0)
        const last = frames[frames.length - 1]!
        expect(last.firstOrdinal + last.count - 1).toBe(source.ordinal(shard))
        expect(frames).toHaveLength(source.ordinal(shard) / 2)
      }
    })
  })
}

/** A succeeded owner may know that it is one, or not know any more that it is none. */
function saysItOwns(lane: JournalLane): boolean {
  try {
    return lane.isOwner()
  } catch (error) {
    expect(error).toMatchObject({ code: 'fenced' })
    return false
  }
}
