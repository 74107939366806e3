import { describe, expect, it } from 'vitest'
import { Random } from '../simulation/random.js'
import { Message } from '../messaging/message.js'
import { answerKinds, ShardRequest } from '../shard/requests.js'
import {
  AnswerBatch,
  PeerWriter,
  readAnswers,
  readPeers,
  readRequests,
  RequestBatch,
} from './batches.js'

describe('batches between threads', () => {
  it('carry requests that are read in any order, or not at all', () => {
    const batch = new RequestBatch()
    const hashes = [1, -2, 3, -4, 5, -6, 7]
    const requests = [
      new ShardRequest(1, 'command', 'purse/a', 'fill', { coins: 5, memo: '早餐' }, hashes, 7),
      new ShardRequest(2, 'query', 'purse/b', 'coins', undefined, undefined),
      new ShardRequest(4_294_967_295, 'command', 'purse/c', 'take', null, hashes, 7, 1.7e12),
    ]
    requests.forEach((request, i) => {
      batch.add(i * 7, request)
    })
    const opened: (() => ShardRequest)[] = []
    const shards: number[] = []
    readRequests(batch.take(), (shard, request) => {
      shards.push(shard)
      opened.push(() => request.open())
    })
    expect(shards).toEqual([0, 7, 14])
    expect(opened.reverse().map((open) => open())).toEqual([...requests].reverse())
    expect(batch.empty).toBe(true)
  })

  it('leave out what is no plain data, and nothing else', () => {
    const batch = new RequestBatch()
    const request = (id: number, input: unknown): ShardRequest =>
      new ShardRequest(id, 'command', 'purse/a', 'fill', input, undefined)
    batch.add(1, request(1, { coins: 1 }))
    expect(() => {
      batch.add(1, request(2, { coins: () => 2 }))
    }).toThrow(TypeError)
    batch.add(1, request(3, { coins: 3 }))
    const ids: number[] = []
    readRequests(batch.take(), (_shard, one) => ids.push(one.open().id))
    expect(ids).toEqual([1, 3])

    const answers = new AnswerBatch()
    expect(() => {
      answers.add(1, answerKinds.value, Symbol('no data'))
    }).toThrow(TypeError)
    expect(answers.empty).toBe(true)
    answers.add(2, answerKinds.refused, ['too_few', 'Fill the purse first.'])
    const read: unknown[] = []
    answers.leave((_origin, bytes) => {
      readAnswers(bytes, (id, kind, value) => read.push([id, kind, value]))
    })
    expect(read).toEqual([[2, answerKinds.refused, ['too_few', 'Fill the purse first.']]])
  })

  it('carry messages and acknowledgements between threads', () => {
    const message = new Message(3, 9, 'purse/a', 'fill', { coins: 5 })
    message.number = 12
    message.from = 'purse/b'
    message.then = 'given'
    message.context = [1, { two: 2 }]
    message.stamp = ['CNY', 5, 2 ** 53 - 1]
    const acknowledgements = [{ source: 9, target: 3, number: 2 ** 40 }]
    const read = readPeers(new PeerWriter().pack({ messages: [message], acknowledgements }))
    message.durable = true
    expect(read).toEqual({ messages: [message], acknowledgements })
  })

  it('that are not whole are refused, and a request that does not read is one to nobody', () => {
    const batch = new RequestBatch()
    for (let i = 0; i < 20; i++)
      batch.add(i, new ShardRequest(i, 'command', `purse/${i}`, 'fill', { coins: i }, undefined))
    const whole = batch.take()
    const random = new Random(5, 'damage')
    const counts = { refused: 0, unread: 0, read: 0 }
    for (let round = 0; round < 2_000; round++) {
      const length = round % 8 === 0 ? random.whole(0, whole.length) : whole.length
      const bytes = Buffer.from(whole.subarray(0, length))
      for (let flips = random.whole(0, 4); flips > 0 && bytes.length > 0; flips--)
        bytes[random.whole(0, bytes.length - 1)]! ^= 1 << random.whole(0, 7)
      try {
        readRequests(bytes, (_shard, request) => {
          const { address, name } = request.open()
          expect([typeof address, typeof name]).toEqual(['string', 'string'])
          counts[address === '' ? 'unread' : 'read']++
        })
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError)
        counts.refused++
      }
    }
    expect(Math.min(...Object.values(counts))).toBeGreaterThan(0)
  })
})
