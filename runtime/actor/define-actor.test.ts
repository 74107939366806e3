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
    addSome(turn, input?: { by: number }) {
      turn.emit('added', { by: input?.by ?? 1 })
      return turn.state.value
    },
    addDefault(turn, { by }: { by: number } = { by: 1 }) {
      turn.emit('added', { by })
    },
    nothing: () => null,
    reset: (turn) => turn.emit('added', { by: -turn.state.value }),
  },
  queries: {
    value: (view) => view.self.value,
    plus: (view, by?: number) => view.self.value + (by ?? 5),
    anything: (_view, input: unknown) => input,
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

  it('takes an input where a handler has one, and none where it can do without', () => {
    const options = { idempotencyKey: 'k' }
    const typed = (client: ActorClient<typeof _counter>): void => {
      expectTypeOf(client.addSome({ by: 1 }, options)).toEqualTypeOf<Promise<number>>()
      expectTypeOf(client.addSome()).toEqualTypeOf<Promise<number>>()
      expectTypeOf(client.addDefault({ by: 1 })).toEqualTypeOf<Promise<void>>()
      expectTypeOf(client.addDefault(undefined, options)).toEqualTypeOf<Promise<void>>()
      expectTypeOf(client.plus(3)).toEqualTypeOf<Promise<number>>()
      expectTypeOf(client.plus()).toEqualTypeOf<Promise<number>>()
      expectTypeOf(client.nothing(undefined, options)).toEqualTypeOf<Promise<null>>()
      expectTypeOf(client.anything(5)).toEqualTypeOf<Promise<unknown>>()
      // @ts-expect-error input of another shape
      void client.addSome({ amount: 1 })
      // @ts-expect-error input of another shape
      void client.plus('three')
      // @ts-expect-error an input is missing
      void client.add()
      // @ts-expect-error an input nobody takes
      void client.nothing({ by: 1 })
      // @ts-expect-error an input nobody takes
      void client.reset({ by: 1 })
    }
    expect(typed).toBeTypeOf('function')
  })
})
