import { describe, expect, it } from 'vitest'
import { limits } from '../limits.js'
import { ManualEnv } from '../testing/manual-env.js'
import { ReadingTurns } from './reading-turns.js'

/** Readings whose pieces end when told to; `order` says whose piece began. */
function make() {
  const env = new ManualEnv()
  const turns = new ReadingTurns(env)
  const order: string[] = []
  const ends = new Map<string, () => void>()
  /** A reading of some pieces; its first step, before any piece, ends when `begin` does. */
  const read = (name: string, urgent: boolean, pieces: number, begin?: Promise<void>) =>
    turns.take(urgent, async (next) => {
      await begin
      for (let i = 0; i < pieces; i++) {
        await next()
        order.push(name)
        await new Promise<void>((resolve) => ends.set(name, resolve))
      }
    })
  const end = async (name: string): Promise<void> => {
    const done = ends.get(name)
    if (done === undefined) throw new Error(`${name} has no piece under way`)
    ends.delete(name)
    done()
    await env.advance(0)
  }
  return { env, turns, order, read, end }
}

describe('turns of readings', () => {
  it('RT1: two pieces are under way at once, and earlier shards come back before later ones', async () => {
    const { env, order, read, end } = make()
    for (const name of ['a', 'b', 'c', 'd']) void read(name, true, 2)
    await env.advance(0)
    expect(order).toEqual(['a', 'b'])
    await end('a')
    await end('b')
    expect(order).toEqual(['a', 'b', 'a', 'b'])
    await end('b')
    await end('a')
    expect(order.slice(4)).toEqual(['c', 'd'])
  })

  it('RT2: nothing is read ahead while a shard is being opened, not even between its pieces', async () => {
    const { env, order, read, end } = make()
    void read('ahead', false, 3)
    await env.advance(0)
    let fenced = (): void => undefined
    const fence = new Promise<void>((resolve) => (fenced = resolve))
    void read('opening', true, 1, fence)
    await end('ahead')
    expect(order).toEqual(['ahead'])
    fenced()
    await env.advance(0)
    expect(order).toEqual(['ahead', 'opening'])
    await end('opening')
    expect(order).toEqual(['ahead', 'opening', 'ahead'])
  })

  it('RT3: one that gets no further holds up nobody for longer than a second, and goes on in its turn', async () => {
    const { env, order, read, end } = make()
    void read('stuck', true, 2)
    void read('other', true, 1)
    void read('third', true, 1)
    void read('ahead', false, 1)
    await env.advance(0)
    await end('other')
    expect(order).toEqual(['stuck', 'other', 'third'])
    await end('third')
    expect(order).toHaveLength(3)
    await env.advance(limits.readingStalledMs)
    expect(order.at(-1)).toBe('ahead')
    await end('stuck')
    expect(order.at(-1)).toBe('stuck')
  })

  it('one that fails gives its turn back', async () => {
    const { env, turns, order, read, end } = make()
    const failed = turns.take(true, async (next) => {
      await next()
      throw new Error('damaged')
    })
    await expect(failed).rejects.toThrow('damaged')
    for (const name of ['a', 'b']) void read(name, false, 1)
    await env.advance(0)
    expect(order).toEqual(['a', 'b'])
    await end('a')
    await end('b')
  })
})
