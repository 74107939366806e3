import { expect, it } from 'vitest'
import { checkPairs } from './pair-ends.js'

const fitting = [
  { shard: 0, sent: [[1, 7]], applied: [[1, 3]] },
  { shard: 1, sent: [[0, 3]], applied: [[0, 5]] },
  { shard: 2, sent: [], applied: [] },
] as const

it('A8: shards that have no more of each other than was sent fit each other', () => {
  expect(() => checkPairs(fitting)).not.toThrow()
})

it.each([
  ['a message that its sender does not know', { shard: 2, sent: [], applied: [[0, 1]] }],
  ['more of a sender than it knows', { shard: 2, sent: [], applied: [[1, 4]] }],
] as const)('A8: a shard that has %s is refused with both', (_, odd) => {
  const [source, number] = odd.applied[0]
  expect(() => checkPairs([...fitting.slice(0, 2), odd])).toThrow(
    expect.objectContaining({
      code: 'journal_regressed',
      message: expect.stringContaining(`Shard 2 has message ${number} of shard ${source}, which`),
    }),
  )
})
