/** Says what the compiler says of a mutant: one that is a broken program would be caught by anything. */
import { readFileSync } from 'node:fs'
import type TypeScript from 'typescript'
import { mutatedFiles, type Mutant } from '../mutants/mutant.js'
import { root } from './root.js'

/** The compiler with one mutant after another planted: nothing else is checked again. */
export class MutantCompiler {
  /** Files of the mutant, by path. */
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

  /** @returns what the compiler says of the mutated files */
  errorsOf(mutant: Mutant): string[] {
    const sources = mutatedFiles(mutant, (file) => readFileSync(root + file, 'utf8'))
    this.version++
    this.changed = new Map([...sources].map(([file, text]) => [root + file, text]))
    return [...this.changed.keys()]
      .flatMap((file) => [
        ...this.service.getSyntacticDiagnostics(file),
        ...this.service.getSemanticDiagnostics(file),
      ])
      .map(({ messageText }) => this.ts.flattenDiagnosticMessageText(messageText, ' '))
  }
}
