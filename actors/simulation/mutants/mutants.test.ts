/**
 * Every planted bug is anchored in today's source, and what comes of it still compiles: a mutant that is
 * a broken program would be caught by anything, and prove nothing.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { MutantCompiler } from '../testing/mutant-compiler.js'
import { mutants } from './index.js'
import { mutated, type Mutant } from './mutant.js'

describe('planted bugs', () => {
  let compiler: MutantCompiler

  beforeAll(async () => {
    compiler = await MutantCompiler.make()
  })

  it.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
    '%s is anchored once, and compiles',
    (_name, mutant) => {
      expect(compiler.errorsOf(mutant)).toEqual([])
    },
  )

  it('would not pass as a broken program', () => {
    const [first] = mutants as [Mutant]
    expect(compiler.errorsOf({ ...first, replace: 'noSuchThing()\n' })).not.toEqual([])
  })

  it('are many, and each has a name of its own', () => {
    expect(mutants.length).toBeGreaterThanOrEqual(24)
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length)
  })

  it('fail loudly when their text is gone or stands twice', () => {
    const [mutant] = mutants as [Mutant]
    expect(() => mutated(mutant, 'nothing of it')).toThrow('stands 0 times')
    expect(() => mutated(mutant, mutant.find + mutant.find)).toThrow('stands 2 times')
  })
})
