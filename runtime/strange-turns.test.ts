/**
 * What handlers may do wrong, on a real runtime: each gets its documented answer, the shard lives on, and
 * what was acknowledged reads the same after a restart.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addressOf, createRuntime, defineActor, type Address, type Runtime } from './index.js'

type Things = Record<string, () => unknown>

/** What no journal and no link can carry. */
const noData: Things = {
  'a promise': () => Promise.resolve(1),
  'a promise that rejects': () => Promise.reject(new Error('nobody waits for this')),
  'a date': () => new Date(0),
  'a map': () => new Map([[1, 2]]),
  'a function': () => () => 1,
  'a symbol': () => Symbol('x'),
  'a bigint': () => 5n,
  'an error': () => new Error('lost'),
  'a circle': () => {
    const circle: Record<string, unknown> = {}
    circle['circle'] = circle
    return circle
  },
  'half a surrogate pair': () => '\ud800',
  'a field named by half a surrogate pair': () => ({ '\ud800': 1 }),
  'a field named __proto__': () => JSON.parse('{"__proto__":1}') as unknown,
  'a proxy that throws': () =>
    new Proxy(
      {},
      {
        get: () => {
          throw new Error('a trap')
        },
      },
    ),
}

/** What a handler may throw, and nobody can ask what it is. */
const thrown: Things = {
  'an error': () => new Error('thrown'),
  undefined: () => undefined,
  null: () => null,
  'a symbol': () => Symbol('x'),
  'an object of no class': () => Object.create(null) as unknown,
  'a proxy that throws': () => {
    const trap = (): never => {
      throw new Error('a trap')
    }
    return new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap })
  },
}

const nothing: { readonly held: unknown; readonly fills: number } = { held: null, fills: 0 }

const box = defineActor({
  kind: 'box',
  state: nothing,
  events: {
    put: (state, data: { thing: unknown }) => ({ held: data.thing, fills: state.fills + 1 }),
    inherited: (state, data: { extra: number }) => ({
      held: data.extra,
      fills: state.fills + 1,
    }),
    holdOdd: (state, data: { name: string }) => ({ ...state, held: noData[data.name]!() }),
    becomeOdd: (_state, data: { name: string }) => noData[data.name]!() as typeof nothing,
    rowOdd: (state, _data: { name: string }) => state,
  },
  history: ({ event, data }) =>
    event === 'rowOdd' ? noData[(data as { name: string }).name]!() : undefined,
  commands: {
    put(turn, input: { thing: unknown }) {
      turn.emit('put', input)
      return turn.state.fills
    },
    putOdd(turn, input: { name: string }) {
      turn.emit('put', { thing: noData[input.name]!() })
    },
    answerOdd: (_turn, input: { name: string }) => noData[input.name]!(),
    emitOdd(turn, input: { event: 'holdOdd' | 'becomeOdd' | 'rowOdd'; name: string }) {
      turn.emit('put', { thing: 'before' })
      turn.emit(input.event, { name: input.name })
    },
    throwOdd(turn, input: { name: string }) {
      turn.emit('put', { thing: 'half' })
      throw thrown[input.name]!()
    },
    catchOdd(turn, input: { name: string }) {
      try {
        turn.call(turn.address as Address<Throwing>, 'throwOdd', input)
      } catch {
        // As if nothing had happened: half of it has.
      }
      return turn.state.fills
    },
    putInherited(turn) {
      turn.emit(
        'inherited',
        Object.assign(Object.create({ extra: 7 }) as { extra: number }, { own: 1 }),
      )
      return turn.state.held
    },
    later(turn, input: { ms: number }) {
      turn.after(input.ms, 'put', { thing: 'late' })
      return 0
    },
    sendNothing(turn, input: { then: boolean }) {
      turn.emit('put', { thing: 'before it' })
      const to = addressOf<Record<string, (given: unknown) => void>>('box', 'other')
      if (input.then) turn.send(to, 'put', { thing: 1 }, { then: '' })
      else turn.send(to, '', { thing: 1 })
    },
    refuseWithout: (turn) => turn.refuse(undefined as unknown as string, 'No code.'),
    putInVain(turn, input: { thing: unknown }) {
      turn.emit('put', input)
      turn.send(addressOf('box', 'other'), 'put', input)
      return turn.remember(turn.sequence())
    },
    putAndRemember(turn, input: { note: number }) {
      turn.emit('put', { thing: 'remembered' })
      return turn.remember(input.note)
    },
  },
  replays: { putAndRemember: (_view, note) => Object.values(noData)[note]!() },
  queries: {
    held: (view) => view.self.held,
    fills: (view) => view.self.fills,
    odd: (_view, input: { name: string }) => noData[input.name]!(),
  },
})

/** Actors whose `passivate.when` can't take every state. */
const noItems: { readonly items: readonly number[] } = { items: [] }
const cart = defineActor({
  kind: 'cart',
  state: noItems,
  events: { put: (_state, data: { items: readonly number[] }) => ({ items: data.items }) },
  commands: {
    put(turn, input: { items: readonly number[] | null }) {
      turn.emit('put', input as { items: readonly number[] })
      return 1
    },
    putBoth(turn, input: { items: readonly number[] | null; other: string }) {
      turn.emit('put', { items: [7] })
      return turn.call(addressOf<Putting>('cart', input.other), 'put', input)
    },
  },
  passivate: {
    when: (state) =>
      state.items[0] === 13
        ? (Promise.reject(new Error('nobody waits for this')) as unknown as boolean)
        : state.items.length > 3,
  },
  queries: { items: (view) => view.self.items },
})

type Putting = { put(input: { items: readonly number[] | null }): number }

type Throwing = { throwOdd(input: { name: string }): void }

let dataDir = ''
let runtime: Runtime

async function open(): Promise<void> {
  runtime = await createRuntime({
    dataDir,
    actors: { definitions: [box, cart] },
    onReport: () => undefined,
    ...{ threads: 0, shards: 1 },
  })
}

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'suanpan-strange-'))
  await open()
})

afterEach(async () => {
  await runtime.close()
  rmSync(dataDir, { recursive: true, force: true })
})

async function reopen(): Promise<void> {
  await runtime.close()
  await open()
}

describe('a handler', () => {
  it.each(Object.keys(noData))('that answers or emits %s fails alone', async (name) => {
    const strange = runtime.actor(box, 'strange')
    await expect(strange.putOdd({ name })).rejects.toMatchObject({ code: 'actor_failed' })
    await expect(strange.answerOdd({ name })).rejects.toMatchObject({ code: 'actor_failed' })
    expect(await strange.put({ thing: 'fine' })).toBe(1)
    await reopen()
    expect(await runtime.actor(box, 'strange').held()).toBe('fine')
  })

  it.each(Object.entries(Object.keys(noData)))(
    'whose remembered answer (%s) is %s keeps what it did, and its shard',
    async (note) => {
      const strange = runtime.actor(box, 'strange')
      const asked = () => strange.putAndRemember({ note: Number(note) }, { idempotencyKey: 'once' })
      const unknown = { code: 'outcome_unknown', outcome: 'unknown' }
      await expect(asked()).rejects.toMatchObject(unknown)
      await expect(asked()).rejects.toMatchObject(unknown)
      expect(await strange.fills()).toBe(1)
      await reopen()
      expect(await runtime.actor(box, 'strange').held()).toBe('remembered')
    },
  )

  it.each(['no replays', 'half a note', 'a text'])(
    'that remembers with %s fails, and has done nothing',
    async (what) => {
      const strange = runtime.actor(box, 'strange')
      await strange.put({ thing: 'before' })
      const failed = { code: 'actor_failed', outcome: 'not_executed' }
      for (const options of [{}, { idempotencyKey: 'k' }, { idempotencyKey: 'k' }]) {
        const asked =
          what === 'no replays'
            ? strange.putInVain({ thing: 'lost' }, options)
            : strange.putAndRemember({ note: (what === 'a text' ? '7' : 0.5) as number }, options)
        await expect(asked).rejects.toMatchObject(failed)
        expect(await strange.held()).toBe('before')
      }
      await reopen()
      expect(await runtime.actor(box, 'strange').fills()).toBe(1)
      expect(await runtime.actor(box, 'other').fills()).toBe(0)
    },
  )

  it.each([null, [13]])(
    'whose passivate.when throws or is async over %j fails alone, each time it is asked',
    async (odd) => {
      for (let i = 0; i < 2; i++) {
        const bad = runtime.actor(cart, 'bad')
        const failed = { code: 'actor_failed', outcome: 'not_executed' }
        await expect(bad.put({ items: odd }, { idempotencyKey: 'k' })).rejects.toMatchObject(failed)
        for (const other of ['bad', 'good', 'far']) {
          const both = runtime.actor(cart, `caller-of-${other}`).putBoth({ items: odd, other })
          await expect(both).rejects.toMatchObject(failed)
        }
        expect(await bad.items()).toEqual([])
        expect(await runtime.actor(cart, 'good').put({ items: [1, 2, 3, 4] })).toBe(1)
        await runtime.snapshot()
        await reopen()
        expect(await runtime.actor(cart, 'good').items()).toEqual([1, 2, 3, 4])
        expect(await runtime.actor(cart, 'caller-of-far').items()).toEqual([])
      }
    },
  )

  const oddEvents = ['holdOdd', 'becomeOdd', 'rowOdd'] as const
  it.each(Object.keys(noData))(
    'whose event makes a state or a row of %s fails alone',
    async (name) => {
      const strange = runtime.actor(box, 'strange')
      for (const event of oddEvents) {
        await expect(strange.emitOdd({ event, name })).rejects.toMatchObject({
          code: 'actor_failed',
        })
        await strange.put({ thing: 'fine' })
      }
      expect(await strange.fills()).toBe(oddEvents.length)
      await runtime.snapshot()
      await reopen()
      expect(await runtime.actor(box, 'strange').held()).toBe('fine')
    },
  )

  it.each(Object.keys(noData))('that answers a query with %s fails alone', async (name) => {
    const strange = runtime.actor(box, 'strange')
    await expect(strange.odd({ name })).rejects.toMatchObject({ code: 'actor_failed' })
    expect(await strange.fills()).toBe(0)
  })

  it.each(Object.keys(thrown))('that throws %s has done nothing, caught or not', async (name) => {
    const strange = runtime.actor(box, 'strange')
    await expect(strange.throwOdd({ name })).rejects.toMatchObject({ code: 'actor_failed' })
    await expect(strange.catchOdd({ name })).rejects.toMatchObject({ code: 'actor_failed' })
    expect(await strange.put({ thing: 'fine' })).toBe(1)
  })

  it.each([true, false])(
    'that sends no command, or wants the answer by none (%j), fails',
    async (then) => {
      const strange = runtime.actor(box, 'strange')
      await expect(strange.sendNothing({ then })).rejects.toMatchObject({ code: 'actor_failed' })
      expect(await strange.fills()).toBe(0)
    },
  )

  it('that refuses without a code fails', async () => {
    const refusing = runtime.actor(box, 'strange').refuseWithout(undefined)
    await expect(refusing).rejects.toMatchObject({ code: 'actor_failed' })
  })

  it('that emits inherited fields leaves a journal that reads', async () => {
    const strange = runtime.actor(box, 'strange')
    expect(await strange.putInherited(undefined)).toBe(7)
    await runtime.actor(box, 'other').put({ thing: 'behind it' })
    await reopen()
    expect(await runtime.actor(box, 'strange').held()).toBe(7)
    expect(await runtime.actor(box, 'other').held()).toBe('behind it')
  })

  it.each([Number.NaN, Infinity])(
    'that sets a timer of %s ms fails, and stops no other timer',
    async (ms) => {
      const strange = runtime.actor(box, 'strange')
      await expect(strange.later({ ms })).rejects.toMatchObject({ code: 'actor_failed' })
      const punctual = runtime.actor(box, 'punctual')
      for (const fine of [0, -5, 0.5]) await punctual.later({ ms: fine })
      await expect.poll(() => punctual.fills(), { timeout: 10_000 }).toBe(3)
    },
  )
})

describe('a release', () => {
  it('of an actor that is not quarantined is a wrong request: asking again helps nobody', async () => {
    await expect(runtime.release('box/fine')).rejects.toMatchObject({
      ...{ code: 'invalid_request', retryable: false },
      message: 'box/fine is not quarantined.',
    })
  })
})

describe('a caller', () => {
  it.each(Object.keys(noData))('that sends %s is told so, with and without a key', async (name) => {
    const strange = runtime.actor(box, 'strange')
    const invalid = { code: 'invalid_request' }
    const thing = noData[name]!()
    await expect(strange.put({ thing })).rejects.toMatchObject(invalid)
    await expect(strange.put({ thing }, { idempotencyKey: 'k' })).rejects.toMatchObject(invalid)
    expect(await strange.put({ thing: 'fine' }, { idempotencyKey: 'k' })).toBe(1)
  })

  it.each([undefined, null, 5, {}, '', 'box', 'box/\ud800'])(
    'that names %j is told so',
    async (name) => {
      const asked = runtime.command(name as string, 'put', { thing: 1 })
      await expect(asked).rejects.toMatchObject({ code: 'invalid_request' })
    },
  )
})
