import { expect, it } from 'vitest'
import { defineActor } from '../actor/define-actor.js'
import { ShardsInMemory } from '../testing/shards-in-memory.js'
import { ParkedRequests } from './parked-requests.js'
import { ShardRequest } from './requests.js'

/** A door that opens when somebody opens it. */
const door = defineActor({
  kind: 'door',
  state: { open: false, through: 0 },
  events: {
    opened: (state) => ({ ...state, open: true }),
    entered: (state) => ({ ...state, through: state.through + 1 }),
  },
  commands: {
    open(turn) {
      turn.emit('opened', null)
      turn.wake('door')
      return true
    },
    /** Does something, and is answered when the door is open. */
    enter(turn) {
      turn.emit('entered', null)
      return turn.remember(turn.state.through, 'door')
    },
    /** Does nothing until the door is open. */
    peep: (turn) => (turn.state.open ? true : turn.park('door')),
    count: (turn) => {
      turn.emit('entered', null)
      return turn.state.through
    },
  },
  replays: { enter: (view, note) => (view.self.open ? { place: note } : view.park('door')) },
  queries: { wait: (view) => (view.self.open ? true : view.park('door')) },
})

const address = 'door/a'
const other = 'door/b'
const make = (mailboxMessages: number): ShardsInMemory =>
  new ShardsInMemory({ definitions: [door] }, { shards: 1, mailboxMessages })

const mailboxOf = async (shards: ShardsInMemory): Promise<number> =>
  (await shards.host.status())[0]!.mailbox

it('Q5: what is parked is let go when its client has given up, and not before', async () => {
  const shards = make(100)
  const asked = [
    shards.submit('query', address, 'wait'),
    shards.submit('command', address, 'peep'),
    shards.submit('command', address, 'enter', null, 'k'),
    shards.submit('command', address, 'enter', null, 'k'),
  ]
  await shards.env.advance(30_000)
  expect(asked.map((id) => shards.answerOf(id))).toEqual(asked.map(() => undefined))
  expect(await mailboxOf(shards)).toBe(4)
  await shards.env.advance(3_000)
  for (const id of asked)
    expect(shards.answerOf(id)?.value).toMatchObject(['outcome_unknown', expect.any(String)])
  expect(await mailboxOf(shards)).toBe(0)
})

it('Q5: a key stays bound when the request that waits for its answer is let go', async () => {
  const shards = make(100)
  await shards.command(address, 'enter', null, 'k')
  await shards.env.advance(33_000)
  await shards.command(address, 'open')
  expect(await shards.command(address, 'enter', null, 'k')).toEqual({
    kind: 'replayed',
    value: { place: 1 },
  })
})

it('Q5: what is woken, and waits again, has no more time for that', async () => {
  const shards = make(100)
  const id = shards.submit('query', address, 'wait')
  for (let i = 0; i < 33; i++) {
    await shards.env.advance(1_000)
    await shards.command(other, 'open')
  }
  expect(shards.answerOf(id)?.value).toMatchObject(['outcome_unknown', expect.any(String)])
})

it('of one token as many wait as the mailbox that was asked for has places', () => {
  const parked = new ParkedRequests()
  const wait = (token: string): boolean => {
    const request = new ShardRequest(1, 'command', address, 'enter', null, undefined)
    return parked.add({ request, note: undefined, repeats: false }, token, 2)
  }
  expect([1, 2, 3].map(() => wait('door'))).toEqual([true, true, false])
  expect(wait('window')).toBe(true)
})

it('Q6: whoever only watches keeps nobody from work, and is bounded', async () => {
  const shards = make(4)
  shards.submit('command', address, 'enter', null, 'k')
  await shards.settle()
  const repeated = [1, 2].map(() => shards.submit('command', address, 'enter', null, 'k'))
  await shards.settle()
  const watched = [1, 2, 3].map(() => shards.submit('query', address, 'wait'))
  await shards.settle()
  // The last one has no place.
  const waiting = [...repeated, ...watched.slice(0, 2)]
  expect(waiting.map((id) => shards.answerOf(id))).toEqual(waiting.map(() => undefined))
  expect(shards.answerOf(watched[2]!)?.value).toMatchObject(['overloaded', expect.any(String)])
  // Nor has one more repetition; what it asks after was done.
  const late = await shards.command(address, 'enter', null, 'k')
  expect(late?.value).toMatchObject(['outcome_unknown', expect.any(String)])
  expect((await shards.command(other, 'count'))?.value).toBe(1)
  await shards.command(address, 'open')
  for (const id of repeated) {
    expect(shards.answerOf(id)).toEqual({ kind: 'replayed', value: { place: 1 } })
  }
})
