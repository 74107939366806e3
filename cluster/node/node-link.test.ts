import { pack, unpack, type Bus, type BusMessage } from '../../transport/index.js'
import { expect, it } from 'vitest'
import { NodeLink, nodeSubject, type LinkListener } from './node-link.js'

/** A bus whose messages are there at once. */
class Here implements Bus {
  private readonly listeners = new Map<string, (message: BusMessage) => void>()
  readonly answers: Uint8Array[] = []

  publish(subject: string, bytes: Uint8Array): void {
    const respond = (answer: Uint8Array): void => void this.answers.push(answer)
    this.listeners.get(subject)?.({ subject, bytes, respond })
  }

  subscribe(subject: string, onMessage: (message: BusMessage) => void): () => void {
    this.listeners.set(subject, onMessage)
    return () => this.listeners.delete(subject)
  }

  request(): Promise<Uint8Array> {
    return Promise.reject(new Error('nobody is asked here'))
  }
}

it('L2: what can not be read is dropped and told now and then; what comes behind it is taken', async () => {
  const bus = new Here()
  const taken: number[] = []
  const told: unknown[] = []
  const listener: LinkListener = {
    batch: (_channel, _sender, bytes) => {
      taken.push(Buffer.from(bytes).readUInt16LE(0))
    },
    newerMap: () => undefined,
    call: (name) => Promise.resolve(name),
    vitals: () => Promise.resolve({}),
    unreadable: (channel, sender, _why, more) => told.push([channel, sender, more]),
  }
  const one = new NodeLink(bus, 'c', 'one', () => 1, listener)
  const two = new NodeLink(bus, 'c', 'two', () => 1, listener)
  for (let i = 0; i < 1_500; i++) two.send('one', 'peers', Buffer.from([7]))
  two.send('one', 'peers', Buffer.from([7, 0]))
  expect(taken).toEqual([7])
  expect(told).toEqual([
    ['peers', 'two', 0],
    ['peers', 'two', 999],
  ])
  // No envelope of ours, and calls that are none.
  bus.publish(nodeSubject('c', 'one', 'requests'), Buffer.from([200, 1]))
  for (const call of [Buffer.from([0xff, 0xff]), pack('status'), pack([7])])
    bus.publish(nodeSubject('c', 'one', 'calls'), call)
  bus.publish(nodeSubject('c', 'one', 'calls'), pack(['status', null]))
  await Promise.resolve()
  expect(bus.answers.map((answer) => unpack(answer))).toEqual([{ value: 'status' }])
  one.close()
  two.close()
})
