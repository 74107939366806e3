import { pack, unpack, type Bus, type BusMessage } from '../../transport/index.js'
import { expect, it } from 'vitest'
import { NodeLink, nodeSubject, type LinkListener } from './node-link.js'

/** A bus whose messages are there at once. */
class Here implements Bus {
  payloadBytesMax = 1_000
  private readonly listeners = new Map<string, (message: BusMessage) => void>()
  readonly answers: Uint8Array[] = []

  publish(subject: string, bytes: Uint8Array): void {
    const respond = (answer: Uint8Array): void => void this.answers.push(answer)
    this.hand(subject, bytes, respond)
  }

  private hand(subject: string, bytes: Uint8Array, respond: BusMessage['respond']): void {
    this.refuseLong(bytes)
    this.listeners.get(subject)?.({
      ...{ subject, bytes },
      respond: (answer) => {
        this.refuseLong(answer)
        respond(answer)
      },
    })
  }

  private refuseLong(bytes: Uint8Array): void {
    if (bytes.length > this.payloadBytesMax) throw new Error('max_payload size exceeded')
  }

  subscribe(subject: string, onMessage: (message: BusMessage) => void): () => void {
    this.listeners.set(subject, onMessage)
    return () => this.listeners.delete(subject)
  }

  request(subject: string, bytes: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve) => {
      this.hand(subject, bytes, resolve)
    })
  }
}

const silent: LinkListener = {
  batch: () => undefined,
  newerMap: () => undefined,
  call: () => Promise.resolve(undefined),
  vitals: () => Promise.resolve(undefined),
  unreadable: () => undefined,
  unsent: () => undefined,
}

/** Everything that was asked for is answered. */
function answered(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

it('NL2: what can not be read is dropped and told now and then; what comes behind it is taken', async () => {
  const bus = new Here()
  const taken: number[] = []
  const told: unknown[] = []
  const listener: LinkListener = {
    ...silent,
    batch: (_channel, _sender, bytes) => {
      taken.push(Buffer.from(bytes).readUInt16LE(0))
    },
    call: (name) => Promise.resolve(name),
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
  await answered()
  expect(bus.answers.map((answer) => unpack(answer))).toEqual([{ value: 'status' }])
  one.close()
  two.close()
})

it('NL3: an answer that is longer than the servers take comes in pieces, each of which fits', async () => {
  const bus = new Here()
  const long = Array.from({ length: 3_000 }, (_, i) => i)
  const listener = { ...silent, call: () => Promise.resolve(long) }
  const one = new NodeLink(bus, 'c', 'one', () => 1, listener)
  const two = new NodeLink(bus, 'c', 'two', () => 1, listener)
  expect(await Promise.all([two.call('one', 'status'), two.call('one', 'status')])).toEqual([
    long,
    long,
  ])
  // An asker that knows no pieces hears why it gets nothing, and so does one that comes too late.
  bus.publish(nodeSubject('c', 'one', 'calls'), pack(['status', null]))
  await answered()
  expect(bus.answers.map((answer) => unpack(answer))).toMatchObject([
    { error: { code: 'answer_too_long' } },
  ])
  await expect(two.call('one', 'piece', [1, 1])).rejects.toMatchObject({ code: 'not_found' })
  one.close()
  two.close()
})

it.each(['calls', 'vitals'] as const)(
  'NL3: whatever is wrong with the answer to %s, it is an error, and the node lives',
  async (channel) => {
    const bus = new Here()
    const told: unknown[] = []
    const faults = [new Error('no'), undefined, null, 'n'.repeat(5_000), { code: 'closed' }]
    const fail = (): Promise<never> => {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- whatever is thrown
      return Promise.reject(faults.shift())
    }
    const unsent = (...why: unknown[]): void => void told.push(why)
    const link = new NodeLink(bus, 'c', 'one', () => 1, {
      ...{ ...silent, call: fail, vitals: fail, unsent },
    })
    const ask = async (): Promise<void> => {
      bus.publish(nodeSubject('c', 'one', channel), pack(['status', null, true]))
      await answered()
    }
    while (faults.length > 0) await ask()
    expect(bus.answers.map((answer) => (unpack(answer) as { error: unknown }).error)).toMatchObject(
      [
        { code: 'internal_error', message: 'no' },
        { code: 'internal_error', message: 'undefined' },
        { code: 'internal_error', message: 'null' },
        { code: 'internal_error', message: 'n'.repeat(400) },
        { code: 'closed' },
      ],
    )
    bus.payloadBytesMax = 20
    await ask()
    expect(told).toEqual([[channel === 'calls' ? 'status' : 'vitals', 'max_payload size exceeded']])
    link.close()
  },
)

it('NL3: a batch that is too long is dropped and told, and nothing is thrown into the turns', () => {
  const bus = new Here()
  const told: unknown[] = []
  const link = new NodeLink(bus, 'c', 'one', () => 1, {
    ...silent,
    unsent: (...why) => told.push(why),
  })
  link.send('two', 'answers', Buffer.alloc(2_000))
  expect(told).toEqual([['answers', 'max_payload size exceeded']])
  link.close()
})
