/** Every planted bug of the cluster is anchored in today's source, and what comes of it compiles. */
import { beforeAll, describe, expect, it } from 'vitest'
import { MutantCompiler } from '../../../actors/simulation/testing/index.js'
import { mutants } from './index.js'

describe('planted bugs of the cluster', () => {
  let errors: ReadonlyMap<string, readonly string[]>

  beforeAll(async () => {
    const compiler = await MutantCompiler.make()
    errors = compiler.errorsOfAll(mutants)
  })

  it.each(mutants.map(({ name }) => name))('%s is anchored once, and compiles', (name) => {
    expect(errors.get(name)).toEqual([])
  })

  it('are many, and each has a name of its own', () => {
    expect(mutants.length).toBeGreaterThanOrEqual(20)
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length)
  })
})
