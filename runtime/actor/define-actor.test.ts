import { describe, expect, expectTypeOf, it } from 'vitest'
import type { ActorClient } from './client.js'
import { defineActor } from './define-actor.js'

const _counter = defineActor({
  kind: 'counter',
  state: { value: 0 },
  events: { added: (state, data: { by: number }) => ({ value: state.value + data.by }) },
  commands: {
    add(turn, input: { by: number }) {
      expectTypeOf(turn.state).toEqualTypeOf<{ value: number }>()
      // @ts-expect-error an event nobody defined
      if (input.by < 0) turn.emit('removed', { by: input.by })
      // @ts-expect-error data of another shape
      if (input.by > 1e6) turn.emit('added', { amount: input.by })
      if (input.by === 0) return turn.refuse('nothing_to_add', 'Add something.')
      turn.emit('added', { by: input.by })
      return turn.state.value
    },
    reset: (turn) => turn.emit('added', { by: -turn.state.value }),
  },
  queries: {
    value: (view) => view.self.value,
    atLeast: (view, input: { bound: number }) => view.self.value >= input.bound,
  },
})

describe('defineActor', () => {
  it('infers the client from the literal', () => {
    const typed = (client: ActorClient<typeof _counter>): void => {
      expectTypeOf(client.add({ by: 1 })).toEqualTypeOf<Promise<number>>()
      expectTypeOf(client.reset()).toEqualTypeOf<Promise<void>>()
      expectTypeOf(client.value()).toEqualTypeOf<Promise<number>>()
      expectTypeOf(client.atLeast({ bound: 1 })).toEqualTypeOf<Promise<boolean>>()
      // @ts-expect-error input of another shape
      void client.add({ amount: 1 })
      expectTypeOf(client).not.toHaveProperty('remove')
    }
    expect(typed).toBeTypeOf('function')
  })
})
