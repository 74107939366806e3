import { describe, expect, it } from 'vitest'
import { Message } from './message.js'
import { Outbox } from './outbox.js'

function send(outbox: Outbox, target: number): Message {
  const message = new Message(0, target, 'purse/a', 'fill', null)
  message.number = outbox.nextNumber(target)
  outbox.push(message, 0)
  return message
}

const numbersOf = (messages: readonly Message[]): number[] => messages.map(({ number }) => number)

describe('the outbox', () => {
  it('O1: keeps a message until its target has it, and numbers stay dense', () => {
    const outbox = new Outbox(4)
    for (let i = 0; i < 3; i++) send(outbox, 2)
    outbox.cutFrame()
    outbox.release(2, 3)
    expect(numbersOf(outbox.overdue(Infinity, 10, 0))).toEqual([1, 2, 3])
    expect(outbox.acknowledge(2, 2, 0)).toBe(true)
    expect(numbersOf(outbox.overdue(Infinity, 10, 0))).toEqual([3])
    expect(outbox.size).toBe(1)
    expect(outbox.nextNumber(2)).toBe(4)
  })

  it('O1: says when a target has more than was ever sent', () => {
    const outbox = new Outbox(4)
    send(outbox, 1)
    expect(outbox.acknowledge(1, 2, 0)).toBe(false)
    expect(outbox.acknowledge(3, 1, 0)).toBe(false)
    expect(outbox.acknowledge(3, 0, 0)).toBe(true)
  })

  it('O2: sends nothing again that was not released', () => {
    const outbox = new Outbox(4)
    send(outbox, 1)
    send(outbox, 1)
    outbox.cutFrame()
    outbox.release(1, 1)
    expect(numbersOf(outbox.overdue(Infinity, 10, 0))).toEqual([1])
  })

  it('O3: owes a message no more whose effect is in the same group, and only such a one', () => {
    const outbox = new Outbox(4)
    send(outbox, 1)
    expect(numbersOf(outbox.cutFrame())).toEqual([1])
    send(outbox, 1)
    send(outbox, 1)
    // Its frame was cut: its effect will stand in a later group.
    expect(outbox.settle(1, 1)).toBe(false)
    expect(outbox.size).toBe(3)
    expect(outbox.settle(1, 2)).toBe(true)
    expect(outbox.size).toBe(1)
    expect(numbersOf(outbox.cutFrame())).toEqual([3])
    expect(outbox.cutFrame()).toEqual([])
  })

  it('O3: never owes what its target has applied already, nor what it applied before', () => {
    const outbox = new Outbox(4)
    send(outbox, 1)
    outbox.cutFrame()
    send(outbox, 1)
    const near = new Message(0, 1, 'purse/a', 'fill', null)
    near.number = outbox.nextNumber(1)
    outbox.passBy(near)
    expect(outbox.lastNumber(1)).toBe(3)
    expect(outbox.size).toBe(0)
    expect(outbox.cutFrame()).toEqual([])
    send(outbox, 1)
    expect(numbersOf(outbox.cutFrame())).toEqual([4])
  })

  it('comes back from a dump as it was', () => {
    const outbox = new Outbox(4)
    for (const target of [1, 1, 3]) send(outbox, target)
    outbox.acknowledge(1, 1, 0)
    const restored = new Outbox(4)
    restored.restore(outbox.dump())
    restored.releaseAll()
    expect(restored.dump()).toEqual(outbox.dump())
    expect(restored.nextNumber(1)).toBe(3)
    expect(numbersOf(restored.overdue(Infinity, 10, 0))).toEqual([2, 1])
  })
})
