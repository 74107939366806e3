import { expect, it } from 'vitest'
import { limits } from '../limits.js'
import { Quarantine } from './quarantine.js'

const failures = (quarantine: Quarantine): number =>
  (quarantine as unknown as { failures: Map<string, number> }).failures.size

it('counts failures of a bounded number of actors, the latest ones', () => {
  const quarantine = new Quarantine()
  quarantine.failed('a/often')
  for (let i = 0; i < 10 * limits.failingActorsMax; i++) {
    quarantine.failed(`a/${i}`)
    if (i === limits.failingActorsMax / 2) expect(quarantine.failed('a/often')).toBe(false)
    if (i === limits.failingActorsMax) expect(quarantine.failed('a/often')).toBe(true)
  }
  expect(failures(quarantine)).toBe(limits.failingActorsMax)
  expect(quarantine.failed('a/often')).toBe(false)
})

it('has forgotten the failures of an actor that is set aside', () => {
  const quarantine = new Quarantine()
  for (let i = 0; i < limits.failuresBeforeQuarantine; i++) quarantine.failed('a/b')
  quarantine.add('a/b', 1, 'failed')
  expect(failures(quarantine)).toBe(0)
  quarantine.release('a/b')
  expect(quarantine.failed('a/b')).toBe(false)
})
