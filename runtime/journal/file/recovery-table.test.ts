import { describe, expect, it } from 'vitest'
import { decideRecovery, type LaneFacts, type RecoveryRow } from './recovery-table.js'

const facts: LaneFacts = {
  closed: false,
  seal: false,
  tail: 'zeros',
  laterGroup: false,
  announced: false,
}

const rows: readonly (readonly [RecoveryRow, Partial<LaneFacts>, 'refuse' | 'carry' | 'adopt'])[] =
  [
    ['hole', { tail: 'bytes', laterGroup: true }, 'refuse'],
    ['hole', { closed: true, seal: true, laterGroup: true }, 'refuse'],
    ['closed', { closed: true, seal: true }, 'adopt'],
    ['closed_changed', { closed: true }, 'refuse'],
    ['closed_changed', { closed: true, seal: true, tail: 'bytes' }, 'refuse'],
    ['after_seal', { seal: true, tail: 'bytes', announced: true }, 'refuse'],
    ['sealed', { seal: true, announced: true }, 'adopt'],
    ['closed_missing', { seal: true }, 'refuse'],
    ['torn', { tail: 'bytes' }, 'carry'],
    ['torn', { tail: 'bytes', announced: true }, 'carry'],
    ['crashed', {}, 'carry'],
  ]

describe('the recovery table', () => {
  it.each(rows)('%s: %o', (row, given, outcome) => {
    const found = decideRecovery({ ...facts, ...given })
    const { decision } = found
    expect(found.row).toBe(row)
    expect(decision.type === 'adopt' ? (decision.carry ? 'carry' : 'adopt') : 'refuse').toBe(
      outcome,
    )
  })

  it('has an answer for everything that can be found', () => {
    for (let bits = 0; bits < 32; bits++) {
      const [closed, seal, laterGroup, announced, torn] = [1, 2, 4, 8, 16].map(
        (bit) => (bits & bit) !== 0,
      ) as [boolean, boolean, boolean, boolean, boolean]
      const tail = torn ? 'bytes' : 'zeros'
      expect(decideRecovery({ closed, seal, laterGroup, announced, tail }).decision).toBeDefined()
    }
  })
})
