/**
 * Every planted bug is anchored in today's source, and what comes of it still compiles: a mutant that is
 * a broken program would be caught by anything, and prove nothing.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { beforeAll, describe, expect, it } from 'vitest'
import { mutants } from './index.js'
import { mutated, type Mutant } from './mutant.js'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** The compiler with one file after another changed: nothing else is checked again. */
class MutantCompiler {
  private changed: { readonly file: string; readonly text: string } | undefined
  private version = 0
  private readonly service: ts.LanguageService

  constructor() {
    const { config } = ts.readConfigFile(`${root}tsconfig.build.json`, (path) =>
      ts.sys.readFile(path),
    ) as { config: unknown }
    const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, root)
    this.service = ts.createLanguageService({
      getCompilationSettings: () => options,
      getScriptFileNames: () => fileNames,
      getScriptVersion: (file) => (this.changed?.file === file ? String(this.version) : '0'),
      getScriptSnapshot: (file) => {
        const text = this.changed?.file === file ? this.changed.text : ts.sys.readFile(file)
        return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text)
      },
      getCurrentDirectory: () => root,
      getDefaultLibFileName: (settings) => ts.getDefaultLibFilePath(settings),
      fileExists: (path) => ts.sys.fileExists(path),
      readFile: (path) => ts.sys.readFile(path),
    })
  }

  /** @returns what the compiler says of the mutated file */
  errorsOf(mutant: Mutant): string[] {
    const file = root + mutant.file
    this.version++
    this.changed = { file, text: mutated(mutant, readFileSync(file, 'utf8')) }
    const found = [
      ...this.service.getSyntacticDiagnostics(file),
      ...this.service.getSemanticDiagnostics(file),
    ]
    return found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))
  }
}

describe('planted bugs', () => {
  let compiler: MutantCompiler

  beforeAll(() => {
    compiler = new MutantCompiler()
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
