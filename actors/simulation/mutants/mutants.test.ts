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
  let errors: ReadonlyMap<string, readonly string[]>

  beforeAll(async () => {
    compiler = await MutantCompiler.make()
    errors = compiler.errorsOfAll(mutants)
  })

  it.each(mutants.map(({ name }) => name))('%s is anchored once, and compiles', (name) => {
    expect(errors.get(name)).toEqual([])
  })

  it('would not pass as a broken program', () => {
    const [first] = mutants as [Mutant]
    const sound = mutants.find(({ file }) => file !== first.file)!
    const broken = { ...first, name: 'broken', replace: 'noSuchThing()\n' }
    const gone = { ...first, name: 'gone', find: 'nobody ever wrote this' }
    const found = compiler.errorsOfAll([broken, sound, gone])
    expect(found.get('broken')).toHaveLength(1)
    expect(found.get('gone')).toEqual([expect.stringContaining('stands 0 times')])
    expect(found.get(sound.name)).toEqual([])
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
