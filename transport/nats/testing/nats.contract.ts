/**
 * What every NATS promises behind the port, as tests: the real one and the simulated one run this
 * suite on themselves.
 */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  NatsUnreachable,
  type KeyBucket,
  type KeyChange,
  type Nats,
  type StreamLog,
} from '../port.js'
import { appendKnown } from './append-known.js'

/** A NATS that two processes are connected to. */
export interface NatsUnderTest {
  readonly nats: Nats
  readonly other: Nats
  readonly replicas: number
  /** Waits for a promise, and drives virtual time where there is any. */
  settle<T>(promise: Promise<T>): Promise<T>
  close(): Promise<void>
}

const bytes = (text: string): Buffer => Buffer.from(text)
const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString()

/** What was just made has no leader yet, and servers without one do not answer: it is asked again. */
async function opened<T>(open: () => Promise<T>): Promise<T> {
  for (let tries = 10; ; tries--) {
    try {
      return await open()
    } catch (error) {
      if (!(error instanceof NatsUnreachable) || tries === 0) throw error
    }
  }
}

export function natsContract(name: string, make: () => Promise<NatsUnderTest>): void {
  describe(`${name} keeps the contract of NATS`, () => {
    let under: NatsUnderTest
    let settle: NatsUnderTest['settle']

    beforeAll(async () => {
      under = await make()
      settle = (promise) => under.settle(promise)
    })
    afterAll(async () => {
      await (under as NatsUnderTest | undefined)?.close()
    })

    const stream = (of: Nats = under.nats, name = `S_${randomUUID()}`): Promise<StreamLog> =>
      opened(() => settle(of.stream(name, { replicas: under.replicas })))
    const bucket = (of: Nats = under.nats, name = `B_${randomUUID()}`): Promise<KeyBucket> =>
      opened(() => settle(of.bucket(name, { replicas: under.replicas })))

    it('A1: gives back what it says was appended', async () => {
      const log = await stream()
      expect(await settle(log.bounds())).toEqual({ first: 1, last: 0 })
      expect(await settle(appendKnown(log, bytes('a'), 0))).toEqual({
        outcome: 'appended',
        sequence: 1,
      })
      expect(await settle(appendKnown(log, bytes(''), 1))).toEqual({
        outcome: 'appended',
        sequence: 2,
      })
      const other = await stream(under.other, log.name)
      expect(text(await settle(other.at(1)))).toBe('a')
      expect(text(await settle(other.at(2)))).toBe('')
      expect(await settle(other.at(3))).toBeUndefined()
      expect(await settle(other.bounds())).toEqual({ first: 1, last: 2 })
      expect(log.replicas).toBe(under.replicas)
    })

    it('makes nothing where no copies are asked for, and opens what is there', async () => {
      const { nats } = under
      const name = `N_${randomUUID()}`
      const missing = { code: 'nats_missing' }
      const streamThere = (): Promise<StreamLog> => settle(nats.stream(name, { replicas: 0 }))
      const bucketThere = (): Promise<KeyBucket> => settle(nats.bucket(name, { replicas: 0 }))
      for (let i = 0; i < 2; i++) {
        await expect(streamThere()).rejects.toMatchObject(missing)
        await expect(bucketThere()).rejects.toMatchObject(missing)
      }
      await stream(nats, name)
      await bucket(nats, name)
      expect((await streamThere()).name).toBe(name)
      expect(await settle((await bucketThere()).get('key'))).toBeUndefined()
    })

    it('names the streams that begin with a prefix, and no others', async () => {
      const kind = `T-${randomUUID()}`
      const named = (of: Nats): Promise<readonly string[]> => settle(of.streamNames(`${kind}_a_`))
      expect(await named(under.nats)).toEqual([])
      for (const name of ['a_0', 'a_17', 'b_0', 'a-b_0', 'a_0_0'])
        await stream(under.nats, `${kind}_${name}`)
      expect((await named(under.other)).toSorted()).toEqual([`${kind}_a_0`, `${kind}_a_17`])
    })

    it('A2: a conflict stores nothing, and one of several writers wins', async () => {
      const log = await stream()
      const logs = [log, await stream(under.other, log.name)]
      for (let round = 0; round < 10; round++) {
        const appends = Array.from({ length: 6 }, (_, i) =>
          logs[i % 2]!.append(bytes(`${round}.${i}`), round),
        )
        const outcomes = await settle(Promise.all(appends))
        expect(outcomes.filter(({ outcome }) => outcome === 'appended')).toHaveLength(1)
        expect(outcomes.filter(({ outcome }) => outcome === 'conflict')).toHaveLength(5)
      }
      expect(await settle(log.append(bytes('old'), 3))).toEqual({ outcome: 'conflict' })
      expect(await settle(log.append(bytes('ahead'), 99))).toEqual({ outcome: 'conflict' })
      expect(await settle(log.bounds())).toEqual({ first: 1, last: 10 })
    })

    it('reads many messages in order, whatever their size, without gaps or not at all', async () => {
      const log = await stream()
      const written: string[] = []
      for (let i = 0; i < 150; i++) {
        const body = `${i} `.repeat(i % 10 === 0 ? 20_000 : 20)
        written.push(body)
        await settle(appendKnown(log, bytes(body), i))
      }
      const read: string[] = []
      await settle(
        log.read(1, 150, (sequence, body) => {
          expect(sequence).toBe(read.length + 1)
          read.push(text(body)!)
        }),
      )
      expect(read).toEqual(written)
      await settle(log.purge(50))
      expect(await settle(log.bounds())).toEqual({ first: 51, last: 150 })
      const gap = settle(log.read(50, 150, () => undefined))
      await expect(gap).rejects.toMatchObject({ code: 'nats_message_missing', sequence: 50 })
      await settle(log.purge(150))
      expect(await settle(log.bounds())).toEqual({ first: 151, last: 150 })
      expect(await settle(appendKnown(log, bytes('on'), 150))).toMatchObject({ sequence: 151 })
    })

    it('sets a key by its revision only; 0 means that it is not there', async () => {
      const keys = await bucket()
      const first = await settle(keys.put('nodes.a~1', bytes('one'), 0))
      expect(first.outcome).toBe('appended')
      const revision = first.outcome === 'appended' ? first.sequence : 0
      expect(await settle(keys.put('nodes.a~1', bytes('x'), 0))).toEqual({ outcome: 'conflict' })
      const wrong = keys.put('nodes.a~1', bytes('x'), revision + 5)
      expect(await settle(wrong)).toEqual({ outcome: 'conflict' })
      const next = await settle(keys.put('nodes.a~1', bytes('two'), revision))
      expect(next).toEqual({ outcome: 'appended', sequence: revision + 1 })
      expect(await settle(keys.get('nodes.a~1'))).toMatchObject({ revision: revision + 1 })
      expect(await settle(keys.remove('nodes.a~1', revision))).toEqual({ outcome: 'conflict' })
      expect((await settle(keys.remove('nodes.a~1', revision + 1))).outcome).toBe('appended')
      expect(await settle(keys.get('nodes.a~1'))).toBeUndefined()
      expect(await settle(keys.get('nobody'))).toBeUndefined()
      expect((await settle(keys.put('nodes.a~1', bytes('three'), 0))).outcome).toBe('appended')
      const history = await settle(keys.history('nodes.a~1'))
      expect(history.map(({ value }) => text(value))).toEqual(['one', 'two', 'three'])
      const stored = history.map(({ created }) => created)
      expect(stored).toEqual(stored.toSorted((a, b) => a - b))
      expect(stored[0]).toBeGreaterThan(Date.UTC(2026, 0, 1) - 1)
      expect((await settle(keys.get('nodes.a~1')))?.created).toBe(stored.at(-1))
    })

    it('lets one of several win a key', async () => {
      const keys = await bucket()
      const puts = Array.from({ length: 6 }, (_, i) => keys.put('coordinator', bytes(`${i}`), 0))
      const outcomes = (await settle(Promise.all(puts))).map(({ outcome }) => outcome)
      expect(outcomes.sort()).toEqual(['appended', ...Array<string>(5).fill('conflict')])
    })

    it('a watch tells the newest of every key under a prefix, then each change in order', async () => {
      const name = `B_${randomUUID()}`
      const keys = await bucket(under.nats, name)
      const writer = await bucket(under.other, name)
      let revision = 0
      const put = async (key: string, value: string, from: number): Promise<number> => {
        const put = await settle(writer.put(key, bytes(value), from))
        if (put.outcome !== 'appended') throw new Error(`the put is a ${put.outcome}`)
        return put.sequence
      }
      for (let i = 0; i < 5; i++) revision = await put('nodes.a', `${i}`, revision)
      await put('map', 'x', 0)
      const told: KeyChange[] = []
      let wake = (): void => undefined
      const stop = keys.watch('nodes.', (change) => {
        told.push(change)
        wake()
      })
      const count = (wanted: number): Promise<void> =>
        settle(
          new Promise((resolve) => {
            wake = () => {
              if (told.length >= wanted) resolve()
            }
            wake()
          }),
        )
      await count(1)
      for (let i = 5; i < 10; i++) revision = await put('nodes.a', `${i}`, revision)
      await put('nodes.b', 'new', 0)
      await settle(writer.remove('nodes.a', revision))
      await count(8)
      stop()
      expect(told.map(({ key, value }) => [key, text(value)])).toEqual([
        ...['4', '5', '6', '7', '8', '9'].map((value) => ['nodes.a', value]),
        ['nodes.b', 'new'],
        ['nodes.a', undefined],
      ])
      const revisions = told.map((change) => change.revision)
      expect(revisions).toEqual([...revisions].sort((a, b) => a - b))
    })

    it('brings messages on the bus, and answers of whoever listens', async () => {
      const place = `sp.${randomUUID()}`
      const heard: string[] = []
      let wake = (): void => undefined
      const arrived = new Promise<void>((resolve) => (wake = resolve))
      const stop = under.other.bus.subscribe(`${place}.*.in`, ({ subject, bytes: body }) => {
        heard.push(`${subject.split('.')[2]} ${text(body)}`)
        if (heard.length === 20) wake()
      })
      const silence = under.other.bus.subscribe(`${place}.silence`, () => undefined)
      const echo = under.other.bus.subscribe(`${place}.ask`, ({ bytes: body, respond }) =>
        respond(bytes(`${text(body)}!`)),
      )
      // A subscription is known to the servers when an answer came over its connection.
      const ask = (subject: string, ms: number): Promise<Uint8Array> =>
        settle(under.nats.bus.request(`${place}.${subject}`, bytes('hey'), ms))
      let answer: Uint8Array | undefined
      while (answer === undefined) answer = await ask('ask', 1_000).catch(() => undefined)
      expect(text(answer)).toBe('hey!')
      for (let i = 0; i < 20; i++) under.nats.bus.publish(`${place}.${i}.in`, bytes(`m${i}`))
      await settle(arrived)
      expect(heard).toEqual(Array.from({ length: 20 }, (_, i) => `${i} m${i}`))
      for (const subject of ['nobody', 'silence']) {
        await expect(ask(subject, 200)).rejects.toMatchObject({ code: 'nats_unreachable' })
      }
      stop()
      silence()
      echo()
    })
  })
}
