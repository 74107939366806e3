import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HistoryLog } from './history-log.js'

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
          let [head, otherHead, time] = [0, 0, 0]
          const rows: { number: number; time: number }[] = []
          for (const gap of gaps) {
            time += gap
            rows.push({ number: rows.length + 1, time })
            head = log.append(head, rows.length, time, { balance: rows.length })
            other.push(time)
            otherHead = log.append(otherHead, other.length, time, { other: other.length })
          }
          const expected = rows.filter((row) => row.time <= at).at(-1)
          expect(log.at(head, at)?.number).toBe(expected?.number)
          expect(log.at(head, at)?.row).toEqual(expected && { balance: expected.number })
          const page = log.read(head, 10, before).map((row) => row.number)
          const newest = Math.min(before - 1, rows.length)
          expect(page).toEqual(
            Array.from({ length: Math.max(0, Math.min(10, newest)) }, (_, i) => newest - i),
          )
        },
      ),
    )
  })

  it('finds rows of a long history in few steps', () => {
    const log = new HistoryLog()
    let head = 0
    for (let i = 1; i <= 200_000; i++) head = log.append(head, i, i, i)
    // A walk over every row would not end within the test's time.
    for (let i = 0; i < 1_000; i++) expect(log.at(head, i * 200 + 1)?.number).toBe(i * 200 + 1)
  })
})
