/** What is a refusal, and what only looks like one: in turns, in messages, after a restart, with a key. */
import { describe, expect, it } from 'vitest'
import { ShardsInMemory } from '../testing/shards-in-memory.js'
import { pack, unpack } from '../../transport/index.js'
import { addressOf } from './address.js'
import { defineActor } from './define-actor.js'
import { isRefusal, refusal } from './refusal.js'
import type { SendAnswer } from './turn.js'

/** Answers that say `refused`, and are none. */
const outputs: Record<string, unknown> = {
  'a count': { accepted: 1, refused: 3 },
  'a count of none': { refused: 0 },
  'a mark': { refused: true, detail: 'an order that was refused' },
  'a word': { refused: 'by the bank' },
  'a word and a sentence': { refused: 'late', detail: 'It came too late.' },
  'a refusal and more': { ...refusal('late', 'It came too late.'), by: 'clerk' },
  'no word': { refused: '', detail: 'nothing', sticky: true },
}

/** A counter answers with anything, and keeps what it is told by another. */
const initial: { readonly done: number; readonly told: unknown } = { done: 0, told: null }
const counter = defineActor({
  kind: 'counter',
  state: initial,
  events: {
    done: (state) => ({ ...state, done: state.done + 1 }),
    told: (state, data: { outcome: unknown }) => ({ ...state, told: data.outcome }),
  },
  commands: {
    answer(turn, input: { output: unknown }) {
      turn.emit('done', null)
      return input.output
    },
    refuse: (turn) => turn.refuse('late', 'It came too late.'),
    ask(turn, input: { command: 'answer' | 'refuse'; output: unknown }) {
      turn.send(addressOf('counter', 'b'), input.command, input, { then: 'told' })
    },
    told(turn, input: SendAnswer) {
      const outcome = isRefusal(input.outcome) ? input.outcome : { done: input.outcome }
      turn.emit('told', { outcome })
    },
    passOn: (turn) => turn.state.told,
  },
  queries: {
    done: (view) => view.self.done,
    told: (view) => ({ told: view.self.told }),
    echo: (_view, input: { output: unknown }) => input.output,
  },
})

const a = addressOf('counter', 'a')
const b = addressOf('counter', 'b')

describe.each([true, false])('with shards that commit alone: %s', (lanePerShard) => {
  const make = (): ShardsInMemory =>
    new ShardsInMemory({ definitions: [counter] }, { lanePerShard, nearCalls: !lanePerShard })

  it.each(Object.entries(outputs))('%s is an output, and was done', async (_name, output) => {
    const shards = make()
    const first = await shards.command(a, 'answer', { output }, 'k')
    expect(first).toEqual({ kind: 'value', value: output })
    expect(await shards.query(a, 'echo', { output })).toEqual({ kind: 'value', value: output })
    await shards.command(a, 'ask', { command: 'answer', output })
    for (let restarts = 0; restarts < 2; restarts++) {
      expect(await shards.command(a, 'answer', { output }, 'k')).toEqual({
        kind: 'replayed',
        value: output,
      })
      expect((await shards.query(a, 'done'))?.value).toBe(1)
      expect((await shards.query(b, 'done'))?.value).toBe(1)
      expect((await shards.query(a, 'told'))?.value).toEqual({ told: { done: output } })
      shards.restart()
    }
  })

  it('a refusal is one in the turn, over there, in a state and after a restart', async () => {
    const shards = make()
    const told = ['late', 'It came too late.']
    expect(await shards.command(a, 'refuse', null, 'k')).toEqual({ kind: 'refused', value: told })
    await shards.command(a, 'ask', { command: 'refuse', output: null })
    shards.restart()
    expect(await shards.command(a, 'refuse', null, 'k')).toEqual({
      kind: 'refusedReplayed',
      value: told,
    })
    expect(await shards.command(a, 'passOn')).toEqual({ kind: 'refused', value: told })
  })
})

it('a refusal is plain data: it is one again when it comes back from bytes', () => {
  for (const sticky of [true, false]) {
    const one = refusal('late', 'It came too late.', sticky)
    expect(isRefusal(unpack(pack(one)))).toBe(true)
  }
  // What a caller without types leaves out, or gives instead, makes it no output.
  const untyped = refusal as (...given: unknown[]) => unknown
  expect(isRefusal(unpack(pack(untyped('late'))))).toBe(true)
  expect(isRefusal(unpack(pack(untyped('late', 5, 0))))).toBe(true)
})
