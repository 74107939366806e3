/** Says what the compiler says of a mutant: one that is a broken program would be caught by anything. */
import { readFileSync } from 'node:fs'
import type TypeScript from 'typescript'
import { mutatedFiles, type Mutant } from '../mutants/mutant.js'
import { root } from './root.js'

/** The compiler with some mutants planted, then others: nothing else is checked again. */
export class MutantCompiler {
  /** Files of the mutants, by path. */
  private changed: ReadonlyMap<string, string> = new Map()
  private version = 0
  private readonly ts: typeof TypeScript
  private readonly service: TypeScript.LanguageService

  static async make(): Promise<MutantCompiler> {
    // A tool of development: it is there where the repository is.
    const { default: ts } = await import('typescript')
    return new MutantCompiler(ts)
  }

  private constructor(ts: typeof TypeScript) {
    this.ts = ts
    const { config } = ts.readConfigFile(`${root}tsconfig.build.json`, (path) =>
      ts.sys.readFile(path),
    ) as { config: unknown }
    const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, root)
    this.service = ts.createLanguageService({
      getCompilationSettings: () => options,
      getScriptFileNames: () => fileNames,
      getScriptVersion: (file) => (this.changed.has(file) ? String(this.version) : '0'),
      getScriptSnapshot: (file) => {
        const text = this.changed.get(file) ?? ts.sys.readFile(file)
        return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text)
      },
      getCurrentDirectory: () => root,
      getDefaultLibFileName: (settings) => ts.getDefaultLibFilePath(settings),
      fileExists: (path) => ts.sys.fileExists(path),
      readFile: (path) => ts.sys.readFile(path),
    })
  }

  /**
   * What the compiler says of each mutant, by name. Those that change different files are looked at
   * together, for a program made anew costs far more than a file in it; a group with an error is
   * looked at again one by one, so that each is told its own.
   */
  errorsOfAll(mutants: readonly Mutant[]): ReadonlyMap<string, readonly string[]> {
    const errors = new Map<string, readonly string[]>()
    for (const group of apart(mutants)) {
      const whole = this.errorsOf(group)
      for (const mutant of group)
        errors.set(mutant.name, whole.length === 0 ? [] : this.errorsOf([mutant]))
    }
    return errors
  }

  /** @returns what the compiler says of the files of mutants that share none */
  errorsOf(mutants: readonly Mutant[]): readonly string[] {
    const changed = new Map<string, string>()
    try {
      for (const mutant of mutants) {
        const sources = mutatedFiles(mutant, (file) => readFileSync(root + file, 'utf8'))
        for (const [file, text] of sources) changed.set(root + file, text)
      }
    } catch (error) {
      return [String(error)]
    }
    this.version++
    this.changed = changed
    return [...changed.keys()]
      .flatMap((file) => [
        ...this.service.getSyntacticDiagnostics(file),
        ...this.service.getSemanticDiagnostics(file),
      ])
      .map(({ messageText }) => this.ts.flattenDiagnosticMessageText(messageText, ' '))
  }
}

/** Groups of mutants none of which share a file. */
function apart(mutants: readonly Mutant[]): readonly (readonly Mutant[])[] {
  const groups: { readonly mutants: Mutant[]; readonly files: Set<string> }[] = []
  for (const mutant of mutants) {
    const files = [mutant, ...(mutant.also ?? [])].map(({ file }) => file)
    let group = groups.find((one) => !files.some((file) => one.files.has(file)))
    if (group === undefined) groups.push((group = { mutants: [], files: new Set() }))
    group.mutants.push(mutant)
    for (const file of files) group.files.add(file)
  }
  return groups.map((group) => group.mutants)
}
