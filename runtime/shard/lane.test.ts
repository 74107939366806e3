import { describe, expect, it } from 'vitest'
import type { JournalLane } from '../journal/journal.js'
import { limits } from '../limits.js'
import { AnswerBatch, AnswersByOrigin, readAnswers } from '../threads/batches.js'
import { Lane, type Released } from './lane.js'
import { answerKinds } from './requests.js'
import type { Shard } from './shard.js'

const journal: JournalLane = {
  bytesAppended: 0,
  append: () => Promise.resolve(),
  seal: () => Promise.resolve(),
  isOwner: () => true,
  truncate: () => Promise.resolve(),
}

it('who waits until an ordinal is durable hears that the lane has failed, before and behind that', async () => {
  const failures: unknown[] = []
  const lane = new Lane(journal, {
    answerBatch: () => new AnswerBatch(),
    release: () => undefined,
    fail: (error) => failures.push(error),
    goOn: () => false,
  })
  lane.durable.set(3, 5)
  await lane.whenDurable(3, 5)
  const early = lane.whenDurable(3, 6)
  lane.fail(new Error('another owner'))
  await expect(early).rejects.toThrow('another owner')
  await expect(lane.whenDurable(3, 6)).rejects.toThrow('another owner')
  expect(failures).toHaveLength(1)
})

describe('G5: answers without a look at the ownership', () => {
  let owner = false
  let left: [id: number, kind: number, value: unknown][] = []

  function make(): Lane {
    owner = false
    left = []
    const services = {
      answerBatch: () => new AnswersByOrigin(),
      release: ({ answers }: Released) => {
        answers.leave((_, bytes) => {
          readAnswers(bytes, (id, kind, value) => left.push([id, kind, value]))
        })
      },
      fail: (error: unknown) => {
        throw error
      },
      goOn: () => false,
    }
    return new Lane({ ...journal, isOwner: () => owner }, services)
  }
  /** All of a shard that a lane looks at for an answer. */
  const shard = (openTurns: number): Shard => {
    const looked: unknown = { openTurns }
    return looked as Shard
  }
  const value = 'x'.repeat(1_000)
  const many = Math.ceil(limits.withheldBytesMax / 250)

  it.each([
    ['that depend on nothing in flight', 0],
    ['that wait for the frame that is being filled', 1],
  ])('%s are bounded: whoever is beyond hears at once that nothing is known', (_, openTurns) => {
    const lane = make()
    lane.checkOwner()
    for (let id = 0; id < many; id++) {
      lane.answer(shard(openTurns), true, id, answerKinds.value, value)
      if (id % 100 === 0) lane.flush()
    }
    lane.flush()
    expect(left.length).toBeGreaterThan(many / 2)
    for (const [, kind, said] of left) {
      expect(kind).toBe(answerKinds.fault)
      expect(said).toEqual(['outcome_unknown', expect.any(String)])
    }
    const told = left.length
    owner = true
    lane.flush()
    if (openTurns === 0) expect(left.slice(told).map(([, , said]) => said)).toContain(value)
    expect(left.length).toBe(openTurns === 0 ? many : told)
    // With the certainty nothing is refused any more.
    lane.answer(shard(0), true, many, answerKinds.value, value)
    lane.flush()
    expect(left.at(-1)).toEqual([many, answerKinds.value, value])
  })

  it('that were withheld for long are not given, and who waits hears so; others are kept for a while', () => {
    const lane = make()
    lane.answer(shard(0), true, 1, answerKinds.value, value)
    for (let look = 0; look < limits.waitedLooksMax; look++) lane.checkOwner()
    owner = true
    lane.flush()
    expect(left.map(([id]) => id)).toEqual([1])
    owner = false
    lane.answer(shard(0), true, 2, answerKinds.value, value)
    for (let look = 0; look <= limits.waitedLooksMax; look++) lane.checkOwner()
    lane.flush()
    expect(left.slice(1)).toEqual([
      [2, answerKinds.fault, ['outcome_unknown', expect.stringContaining('key'), true]],
    ])
    owner = true
    lane.answer(shard(0), true, 3, answerKinds.value, value)
    lane.flush()
    expect(left.map(([id]) => id)).toEqual([1, 2, 3])
  })
})
