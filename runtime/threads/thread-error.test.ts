import { openSync } from 'node:fs'
import { expect, it } from 'vitest'
import { Fault, OpenRefused } from '../errors.js'
import { flattenError, rebuildError } from './thread-error.js'

/** An error as another thread gets it. */
const sent = (error: unknown): Error => rebuildError(structuredClone(flattenError(error)))

it('a refusal comes with its code and place, a fault with its code and what became of the request', () => {
  const refused = new OpenRefused('damaged', 'It is.', { file: '/d/1.seg', offset: 64 })
  expect(sent(refused)).toBeInstanceOf(OpenRefused)
  expect(sent(refused)).toMatchObject({
    ...{ code: 'damaged', message: 'It is.' },
    place: { file: '/d/1.seg', offset: 64 },
  })
  expect(sent(new Fault('overloaded'))).toBeInstanceOf(Fault)
  expect(sent(new Fault('overloaded'))).toMatchObject({ retryable: true, outcome: 'not_executed' })
})

it('an error of the operating system comes with what that said', () => {
  let thrown: unknown
  try {
    openSync('/nowhere/at/all', 'r')
  } catch (error) {
    thrown = error
  }
  expect(sent(thrown)).toMatchObject({ code: 'ENOENT', syscall: 'open', path: '/nowhere/at/all' })
})

it('a bug comes with its name and stack', () => {
  const bug = new RangeError('too far')
  expect(sent(bug)).toMatchObject({ name: 'RangeError', message: 'too far', stack: bug.stack })
  expect(sent('nonsense')).toMatchObject({ message: 'nonsense' })
})

it('whatever was thrown can be sent, also what does not say what it is', () => {
  const trap = (): never => {
    throw new Error('a trap')
  }
  const things = [undefined, null, 5n, Symbol('x'), Object.create(null), { toString: trap }]
  const proxy = new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap })
  const strange = Object.assign(new Error('lost'), { name: trap, message: new Map(), stack: trap })
  for (const thrown of [...things, proxy, strange]) expect(sent(thrown)).toBeInstanceOf(Error)
})
