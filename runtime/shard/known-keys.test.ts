import { describe, expect, it } from 'vitest'
import { defineActor } from '../actor/define-actor.js'
import { ShardsInMemory, type TestOptions } from '../testing/shards-in-memory.js'

/** A jar that takes coins; some are under way until they are said to have come. */
const jar = defineActor({
  kind: 'jar',
  state: { coins: 0, come: false },
  events: {
    put: (state, data: { coins: number }) => ({ ...state, coins: state.coins + data.coins }),
    came: (state) => ({ ...state, come: true }),
  },
  commands: {
    put(turn, input: { coins: number }) {
      turn.emit('put', input)
      return turn.state.coins
    },
    order(turn, input: { coins: number }) {
      turn.emit('put', input)
      return turn.remember(turn.state.coins, 'coins')
    },
  },
  replays: { order: (view, note) => (view.self.come ? { coins: note } : view.park('coins')) },
  queries: { coins: (view) => view.self.coins },
})

const a = 'jar/a'
const one = { coins: 1 }
const make = (options: TestOptions = {}): ShardsInMemory =>
  new ShardsInMemory({ definitions: [jar] }, { shards: 1, ...options })

describe('a full table of keys', () => {
  it('sheds new keys while the oldest is in its window, and takes them when it is past it', async () => {
    const shards = make({ keysMax: 2 })
    for (const key of ['k1', 'k2']) await shards.command(a, 'put', one, key)
    expect((await shards.command(a, 'put', one, 'k3'))?.value).toContain('overloaded')
    shards.env.wall += 86_400_000 - 1_000
    shards.restart()
    expect((await shards.command(a, 'put', one, 'k3'))?.value).toContain('overloaded')
    shards.env.wall += 3_000
    shards.restart()
    for (const [i, key] of ['k3', 'k4'].entries()) {
      expect(await shards.command(a, 'put', one, key)).toEqual({ kind: 'value', value: 3 + i })
    }
    expect((await shards.command(a, 'put', one, 'k5'))?.value).toContain('overloaded')
  })
})

describe('a shard on its way to another owner', () => {
  it('Q7: tells nobody whose key it knows that nothing was executed', async () => {
    const shards = make()
    const first = shards.submit('command', a, 'order', one, 'k')
    await shards.settle()
    const parked = shards.submit('command', a, 'order', one, 'k')
    const fresh = shards.submit('command', a, 'order', one)
    const reading = shards.submit('query', a, 'coins')
    await shards.settle()
    // In the mailbox, and behind the end.
    const [lane] = shards.lanes
    const waiting = shards.submit('command', a, 'order', one, 'k')
    const waitingNew = shards.submit('command', a, 'put', one, 'new')
    const retired = shards.host.retire(lane!)
    const late = shards.submit('command', a, 'order', one, 'k')
    const lateNew = shards.submit('command', a, 'put', one, 'new')
    await shards.settle()
    await retired
    expect(shards.answerOf(reading)?.kind).toBe('value')
    for (const id of [first, parked, fresh, waiting, late]) {
      expect(shards.answerOf(id)?.value).toContain('outcome_unknown')
    }
    for (const id of [waitingNew, lateNew])
      expect(shards.answerOf(id)?.value).toContain('not_ready')
  })
})

describe('a key that carries its time', () => {
  const day = 86_400_000

  it('Q8: is executed once, though a start with a wrong clock moved shard time ahead', async () => {
    const shards = make()
    const { env } = shards
    const made = env.wall
    expect((await shards.command(a, 'put', one, 'k', made))?.value).toBe(1)
    env.wall += day + 3_600_000
    shards.restart()
    // Its commits forget the key.
    await shards.command(a, 'put', one)
    env.wall -= day + 3_600_000
    expect(shards.reports).toEqual([])
    shards.restart()
    expect(shards.reports).toMatchObject([
      { event: 'clock_behind', detail: { behindMs: expect.any(Number) } },
    ])
    const again = await shards.command(a, 'put', one, 'k', made)
    expect(again?.value).toContain('idempotency_key_expired')
    // One that was never asked is refused as well: nobody can tell.
    const other = await shards.command(a, 'put', one, 'other', env.wall)
    expect(other?.value).toContain('idempotency_key_expired')
    expect((await shards.query(a, 'coins'))?.value).toBe(2)
  })

  it('Q8: made by a clock ahead is not executed again when it is forgotten before its own time is over', async () => {
    const shards = make()
    const made = shards.env.wall + 50_000
    await shards.command(a, 'put', one, 'k', made)
    shards.env.wall += day + 5_000
    shards.restart()
    await shards.command(a, 'put', one)
    const again = await shards.command(a, 'put', one, 'k', made)
    expect(again?.value).toContain('idempotency_key_expired')
  })

  it('is answered as long as it is known, and taken when it is new', async () => {
    const shards = make()
    const made = shards.env.wall - day + 120_000
    expect((await shards.command(a, 'put', one, 'k', made))?.value).toBe(1)
    shards.env.wall += 3_600_000
    shards.restart()
    expect((await shards.command(a, 'put', one, 'k', made))?.kind).toBe('replayed')
  })
})
