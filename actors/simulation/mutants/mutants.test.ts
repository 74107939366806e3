/** Every planted bug is anchored in today's source: its text stands once, and what comes of it parses. */
import { readFileSync } from 'node:fs'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { mutants } from './index.js'
import { mutated, type Mutant } from './mutant.js'

const root = new URL('../../../', import.meta.url)

function mutatedSource(mutant: Mutant): string {
  return mutated(mutant, readFileSync(new URL(mutant.file, root), 'utf8'))
}

describe('planted bugs', () => {
  it.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
    '%s changes its source into another one that parses',
    (_name, mutant) => {
      const { diagnostics = [] } = ts.transpileModule(mutatedSource(mutant), {
        reportDiagnostics: true,
        compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 },
      })
      expect(diagnostics.map(({ messageText }) => messageText)).toEqual([])
    },
  )

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
