import { describe, expect, it } from 'vitest'
import { addressOf } from '../actor/address.js'
import { defineActor, type ActorModule } from '../actor/define-actor.js'
import { limits } from '../limits.js'
import { ShardsInMemory } from '../testing/shards-in-memory.js'

/** Called while a `stamp` runs: time that a turn takes. */
let passTime = (): void => undefined

/** Counters that add to one another: by a call where it reaches, else by a message. */
const counter = defineActor({
  kind: 'counter',
  state: { value: 0 },
  events: { added: (state, data: { by: number }) => ({ value: state.value + data.by }) },
  commands: {
    add(turn, input: { by: number }) {
      if (input.by === 0) return turn.refuse('nothing', 'Add something.')
      turn.emit('added', { by: input.by })
      if (input.by === 13) throw new Error('no luck')
      if (input.by === 14) turn.emit('added', { by: (() => 1) as unknown as number })
      return turn.state.value
    },
    share(turn, input: { with: string; by: number; thenBreak?: boolean; thenSend?: boolean }) {
      const other = addressOf('counter', input.with)
      if (!turn.canCall(other)) {
        turn.send(other, 'add', { by: input.by })
        turn.emit('added', { by: input.by })
        return 'sent'
      }
      const outcome: unknown = turn.call(other, 'add', { by: input.by })
      if (typeof outcome !== 'number') return outcome
      turn.emit('added', { by: input.by })
      if (input.thenSend === true) {
        expect(turn.canCall(other)).toBe(false)
        turn.send(other, 'add', { by: input.by })
      }
      if (input.thenBreak === true) throw new Error('too late')
      return `called: ${outcome}`
    },
    /** Looks at both first, then adds to both, and may break behind. */
    spread(turn, input: { over: readonly string[]; thenBreak: boolean }) {
      const others = input.over.map((key) => addressOf('counter', key))
      for (const other of others) turn.call(other, 'look', null)
      for (const other of others) turn.call(other, 'add', { by: 1 })
      turn.emit('added', { by: others.length })
      if (input.thenBreak) throw new Error('too late')
      return others.every((other) => !turn.canCall(other))
    },
    look: (turn) => turn.state.value,
    sendThenLook(turn, input: { to: string }) {
      const to = addressOf('counter', input.to)
      turn.send(to, 'add', { by: 1 })
      return turn.canCall(to)
    },
    /** Sends to one behind a look at another of the same shard, and calls that one all the same. */
    lookSendCall(turn, input: { call: string; send: string }) {
      const other = addressOf('counter', input.call)
      if (!turn.canCall(other)) return 'no'
      turn.send(addressOf('counter', input.send), 'add', { by: 1 })
      return turn.call(other, 'add', { by: 10 })
    },
    /** Says when it is, here and in a near actor, and takes its time for it. */
    stamp(turn, input: { near: string }) {
      passTime()
      turn.emit('added', { by: turn.now })
      if (input.near !== '') turn.call(addressOf('counter', input.near), 'stamp', { near: '' })
      passTime()
    },
    callUnasked(turn, input: { to: string }) {
      return turn.call(addressOf('counter', input.to), 'add', { by: 1 })
    },
  },
  queries: {
    value: (view) => view.self.value,
    /** The newest moment that the counter was told, and that of its history row. */
    moments(view) {
      const [newest] = view.history(view.address, { limit: 1 })
      return [newest?.row, newest?.time]
    },
  },
  history: ({ data }) => (data as { by: number }).by,
})

const actors: ActorModule = { definitions: [counter] }
const make = (options = {}): ShardsInMemory => new ShardsInMemory(actors, options)
const a = addressOf('counter', 'a')

/** A key of another shard than those of these keys. */
function elsewhere(shards: ShardsInMemory, ...others: string[]): string {
  const shardOf = (key: string): number =>
    shards.states[0]!.kinds.shardOf(addressOf('counter', key), shards.shards)
  const taken = ['a', ...others].map(shardOf)
  return Array.from({ length: 64 }, (_, i) => `k${i}`).find((key) => !taken.includes(shardOf(key)))!
}

async function valuesOf(shards: ShardsInMemory, other: string): Promise<unknown[]> {
  const mine = await shards.query(a, 'value')
  const theirs = await shards.query(addressOf('counter', other), 'value')
  return [mine?.value, theirs?.value]
}

const sums = (shards: ShardsInMemory): number =>
  shards.states.reduce((sum, state) => sum + state.outbox.size, 0)

describe('a near call', () => {
  it('X2: stands in one group with its caller, as the turn of a message, and a replay agrees', async () => {
    const shards = make()
    const other = elsewhere(shards)
    shards.holdAppends = true
    const id = shards.submit('command', a, 'share', { with: other, by: 5 }, 'k')
    await shards.settle()
    expect(shards.answerOf(id)).toBeUndefined()
    expect(sums(shards)).toBe(0)
    await shards.releaseAppends()
    expect(shards.answerOf(id)).toEqual({ kind: 'value', value: 'called: 5' })
    expect(shards.frames.map(({ count }) => count)).toEqual([1, 1])
    shards.restart()
    await shards.settle()
    expect(await valuesOf(shards, other)).toEqual([5, 5])
    expect(sums(shards)).toBe(0)
    expect(await shards.command(a, 'share', { with: other, by: 5 }, 'k')).toMatchObject({
      kind: 'replayed',
    })
    expect(await shards.command(a, 'share', { with: other, by: 2 })).toMatchObject({
      value: 'called: 7',
    })
    expect(await valuesOf(shards, other)).toEqual([7, 7])
  })

  it('X2: leaves nothing on either side when its caller throws afterwards', async () => {
    const shards = make()
    const other = elsewhere(shards)
    const outcome = await shards.command(a, 'share', { with: other, by: 5, thenBreak: true })
    expect(outcome).toMatchObject({ kind: 'fault' })
    expect(await valuesOf(shards, other)).toEqual([0, 0])
    expect(shards.frames).toEqual([])
    expect(await shards.command(a, 'share', { with: other, by: 1 })).toMatchObject({
      value: 'called: 1',
    })
    shards.restart()
    expect(await valuesOf(shards, other)).toEqual([1, 1])
  })

  it('X2: reaches several shards in one turn, each after looking at all, or none of them', async () => {
    const shards = make()
    const b = elsewhere(shards)
    const over = [b, elsewhere(shards, b)]
    const values = async (): Promise<unknown[]> =>
      Promise.all([...over, 'a'].map(async (key) => (await valuesOf(shards, key))[1]))
    const broken = await shards.command(a, 'spread', { over, thenBreak: true })
    expect(broken).toMatchObject({ kind: 'fault' })
    expect(await values()).toEqual([0, 0, 0])
    expect(shards.frames).toEqual([])
    const done = await shards.command(a, 'spread', { over, thenBreak: false })
    expect(done).toMatchObject({ value: true })
    expect(shards.frames).toHaveLength(3)
    shards.restart()
    expect(await values()).toEqual([1, 1, 2])
  })

  it('S7: tells the time of the frame, however long the turn takes', async () => {
    const shards = make()
    const other = elsewhere(shards)
    passTime = () => void (shards.env.wall += 7)
    for (let round = 0; round < 2; round++) {
      await shards.command(a, 'stamp', { near: other })
      for (const address of [a, addressOf('counter', other)]) {
        const [told, row] = (await shards.query(address, 'moments'))!.value as [number, number]
        expect(told).toBeGreaterThan(0)
        expect(row).toBe(told)
      }
    }
    passTime = () => undefined
  })

  it('X3: is none while something sent before still waits', async () => {
    const shards = make()
    const other = elsewhere(shards)
    shards.submit('command', a, 'sendThenLook', { to: other })
    const id = shards.submit('command', a, 'share', { with: other, by: 5 })
    await shards.settle()
    expect(shards.answerOf(id)).toMatchObject({ value: 'sent' })
    expect(await valuesOf(shards, other)).toEqual([5, 6])
  })

  it('X2: leaves nothing when it refuses, and its caller may go on', async () => {
    const shards = make()
    const other = elsewhere(shards)
    const outcome = await shards.command(a, 'share', { with: other, by: 0 })
    expect(outcome).toEqual({ kind: 'refused', value: ['nothing', 'Add something.'] })
    expect(shards.frames).toEqual([])
  })

  it.each([
    ['that throws', 13],
    ['that gives what is no plain data', 14],
  ])(
    'X4: %s fails alone, and is set aside when it goes on so; its caller is not',
    async (_, by) => {
      const shards = make()
      const other = elsewhere(shards)
      for (let i = 0; i < 3; i++) {
        const outcome = await shards.command(a, 'share', { with: other, by })
        expect(outcome?.kind).toBe('refused')
        expect(outcome?.value).toContain('actor_failed')
      }
      expect(shards.host.quarantined()).toMatchObject([{ address: `counter/${other}` }])
      expect(await valuesOf(shards, other)).toEqual([0, 0])
      // Where the actor is set aside, what must be applied waits for its release.
      expect(await shards.command(a, 'share', { with: other, by: 1 })).toMatchObject({
        value: 'sent',
      })
      expect(shards.host.quarantined()).toMatchObject([{ parkedMessages: 1 }])
      expect(await shards.command(a, 'add', { by: 1 })).toMatchObject({ value: 2 })
    },
  )

  it('X3: comes after what was sent before, and what is sent afterwards comes after it', async () => {
    const shards = make()
    const other = elsewhere(shards)
    expect(await shards.command(a, 'sendThenLook', { to: other })).toMatchObject({ value: false })
    expect(await shards.command(a, 'share', { with: other, by: 2, thenSend: true })).toMatchObject({
      value: 'called: 3',
    })
    expect(await valuesOf(shards, other)).toEqual([2, 5])
    shards.restart()
    await shards.settle()
    expect(await valuesOf(shards, other)).toEqual([2, 5])
  })

  it('X3: is none behind what was sent since it was found possible: that turn fails, and no other', async () => {
    const shards = make()
    const other = elsewhere(shards)
    const b = addressOf('counter', other)
    const shardOf = (key: string): number =>
      shards.states[0]!.kinds.shardOf(addressOf('counter', key), shards.shards)
    const beside = Array.from({ length: 64 }, (_, i) => `b${i}`).find(
      (key) => shardOf(key) === shardOf(other),
    )!
    const answer = await shards.command(a, 'lookSendCall', { call: other, send: beside })
    expect(answer).toMatchObject({ kind: 'fault', value: ['actor_failed', expect.anything()] })
    expect(shards.failures).toEqual([])
    expect(await valuesOf(shards, other)).toEqual([0, 0])
    expect((await shards.command(b, 'add', { by: 1 }))?.value).toBe(1)
    // What goes to a third shard is in nobody's way, but it is asked again.
    const third = elsewhere(shards, other)
    const apart = await shards.command(a, 'lookSendCall', { call: other, send: third })
    expect(apart?.value).toBe(11)
    expect(sums(shards)).toBe(0)
  })

  it.each([
    ['called', 'callUnasked'],
    ['sent to', 'sendThenLook'],
  ])(
    'fails, and its turn with it, when an address too long to be kept is %s',
    async (_, command) => {
      const shards = make()
      const kept = 'é'.repeat(limits.addressOfTurnMax - 'counter/'.length)
      expect((await shards.command(a, command, { to: kept }))?.kind).toBe('value')
      expect((await shards.query(addressOf('counter', kept), 'value'))?.value).toBe(1)
      expect((await shards.command(a, command, { to: `${kept}k` }))?.kind).toBe('fault')
      expect(shards.reports.at(-1)?.detail['error']).toMatchObject({ name: 'RangeError' })
      expect(shards.failures).toEqual([])
    },
  )

  it('X3: is none where shards commit apart, and where it was switched off', async () => {
    for (const options of [{ lanePerShard: true }, { nearCalls: false }]) {
      const shards = make(options)
      const other = elsewhere(shards)
      expect(await shards.command(a, 'share', { with: other, by: 5 })).toMatchObject({
        value: 'sent',
      })
      expect((await shards.command(a, 'callUnasked', { to: other }))?.kind).toBe('fault')
      expect(await valuesOf(shards, other)).toEqual([5, 5])
    }
  })
})
