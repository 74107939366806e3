/** Every planted bug of the cluster is anchored in today's source, and what comes of it compiles. */
import { beforeAll, describe, expect, it } from 'vitest'
import { MutantCompiler } from '../../../actors/simulation/testing/index.js'
import { mutants } from './index.js'

describe('planted bugs of the cluster', () => {
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

  it('are many, and each has a name of its own', () => {
    expect(mutants.length).toBeGreaterThanOrEqual(20)
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length)
  })
})
