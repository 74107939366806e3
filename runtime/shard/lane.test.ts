import { expect, it } from 'vitest'
import type { JournalLane } from '../journal/journal.js'
import { AnswerBatch } from '../threads/batches.js'
import { Lane } from './lane.js'

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
