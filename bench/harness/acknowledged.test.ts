import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { Acknowledged, compare, readAcknowledged, type Expected } from './acknowledged.js'

const folder = mkdtempSync(join(tmpdir(), 'suanpan-acknowledged-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Parties 0 and 1 pay, 2 and 3 are paid. */
function saved(fill: (acknowledged: Acknowledged) => void): Expected {
  const acknowledged = new Acknowledged(4)
  fill(acknowledged)
  const path = join(folder, 'run')
  acknowledged.save(path)
  return readAcknowledged([path])
}

describe('acknowledged against found', () => {
  const three = (): Expected =>
    saved((run) => {
      run.paid(0, 2)
      run.paid(0, 3)
      run.paid(1, 2)
    })

  it('is whole when every account has what was acknowledged', () => {
    const found = { paid: [2, 1, 0, 0], received: [0, 0, 2, 1] }
    expect(compare(three(), found)).toEqual({
      acknowledged: 3,
      unanswered: 0,
      found: 3,
      lost: 0,
      duplicated: 0,
    })
  })

  it('K1: an acknowledged payment that is not there is lost', () => {
    const found = { paid: [1, 1, 0, 0], received: [0, 0, 2, 0] }
    expect(compare(three(), found)).toMatchObject({ lost: 1, duplicated: 0 })
  })

  it('K1: a payment that was credited and not debited is lost as well', () => {
    const found = { paid: [2, 0, 0, 0], received: [0, 0, 2, 1] }
    expect(compare(three(), found)).toMatchObject({ lost: 1, duplicated: 0 })
  })

  it('K1: one lost and one run twice do not make up for each other', () => {
    const found = { paid: [3, 0, 0, 0], received: [0, 0, 2, 1] }
    expect(compare(three(), found)).toMatchObject({ found: 3, lost: 1, duplicated: 1 })
  })

  it('K2: what got no answer may be there or not, once', () => {
    const expected = saved((run) => {
      run.paid(0, 2)
      run.perhaps(0, 2)
    })
    const there = (times: number) => ({ paid: [times, 0, 0, 0], received: [0, 0, times, 0] })
    expect(compare(expected, there(0))).toMatchObject({ lost: 1, duplicated: 0, unanswered: 1 })
    expect(compare(expected, there(1))).toMatchObject({ lost: 0, duplicated: 0 })
    expect(compare(expected, there(2))).toMatchObject({ lost: 0, duplicated: 0 })
    expect(compare(expected, there(3))).toMatchObject({ lost: 0, duplicated: 1 })
  })

  it('K3: keeps a bounded sample that spreads over the run', () => {
    const run = new Acknowledged(2)
    const kept: number[] = []
    for (let i = 0; i < 3_000_000; i++) {
      if (!run.wantsSample()) continue
      kept.push(i)
      run.keep({ id: `p${i}`, payer: 'a', payee: 'b', idempotencyKey: `${i}` })
    }
    expect(kept).toHaveLength(256)
    expect(kept[0]).toBe(0)
    expect(kept.at(-1)).toBeGreaterThan(500_000)
  })
})
