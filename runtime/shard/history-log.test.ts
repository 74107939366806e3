import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HistoryLog, type HistoryHead } from './history-log.js'

function emptyHead(): HistoryHead {
  return { history: 0, rows: 0, anchor: 0 }
}

function bytesOf(log: HistoryLog): Buffer[] {
  const { chunks, used } = log.arena.cut()
  return chunks.map((chunk, i) => chunk.subarray(0, used[i]))
}

describe('the history log', () => {
  it('H2: finds the row as of any time and any page, like a plain list does', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(5), { maxLength: 300 }),
        fc.nat(1_000),
        fc.nat(310),
        (gaps, at, before) => {
          const log = new HistoryLog()
          const other: number[] = []
          const [head, otherHead] = [emptyHead(), emptyHead()]
          let time = 0
          const rows: { number: number; time: number }[] = []
          for (const gap of gaps) {
            time += gap
            rows.push({ number: rows.length + 1, time })
            log.append(head, time, { balance: rows.length })
            // As if the actor had been stored and loaded again.
            if (gap === 0) head.rows = -1
            other.push(time)
            log.append(otherHead, time, { other: other.length })
          }
          const expected = rows.filter((row) => row.time <= at).at(-1)
          expect(log.at(head.history, at)?.number).toBe(expected?.number)
          expect(log.at(head.history, at)?.row).toEqual(expected && { balance: expected.number })
          const page = log.read(head.history, 10, before).map((row) => row.number)
          const newest = Math.min(before - 1, rows.length)
          expect(page).toEqual(
            Array.from({ length: Math.max(0, Math.min(10, newest)) }, (_, i) => newest - i),
          )
        },
      ),
    )
  })

  it('H1: is the same bytes whether an actor stayed in memory or was loaded again', () => {
    const [kept, loaded] = [new HistoryLog(), new HistoryLog()]
    const [keptHead, loadedHead] = [emptyHead(), emptyHead()]
    for (let i = 1; i <= 500; i++) {
      kept.append(keptHead, i, i)
      loadedHead.rows = -1
      loaded.append(loadedHead, i, i)
    }
    expect(bytesOf(loaded)).toEqual(bytesOf(kept))
  })

  it('finds rows of a long history in few steps', () => {
    const log = new HistoryLog()
    const head = emptyHead()
    for (let i = 1; i <= 200_000; i++) log.append(head, i, i)
    // A walk over every row would not end within the test's time.
    for (let i = 0; i < 1_000; i++)
      expect(log.at(head.history, i * 200 + 1)?.number).toBe(i * 200 + 1)
  })
})
