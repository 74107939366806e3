// The examples of the READMEs, as they stand: code blocks marked `ts example NAME` are compiled and run, those marked
// `ts typed NAME` are compiled.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import ts from 'typescript'
import { afterAll, describe, expect, it, vi } from 'vitest'

const root = new URL('..', import.meta.url).pathname
const work = mkdtempSync(join(tmpdir(), 'suanpan-examples-'))
const pages = [
  'README.md',
  ...readdirSync(root).map((folder) => `${folder}/README.md`),
  'runtime/simulation/README.md',
]

interface Example {
  readonly page: string
  readonly name: string
  readonly code: string
}

function examplesOf(page: string, mark: 'example' | 'typed'): Example[] {
  let text = ''
  try {
    text = readFileSync(join(root, page), 'utf8')
  } catch {
    return []
  }
  const blocks = new RegExp('```ts ' + mark + ' (\\S+)\\n([^]*?)```', 'g')
  return [...text.matchAll(blocks)].map((match) => ({ page, name: match[1]!, code: match[2]! }))
}

const entries = {
  suanpan: 'runtime/index',
  'suanpan/gateway': 'transport/gateway/index',
  'suanpan/payments': 'actors/index',
  'suanpan/testing': 'runtime/simulation/index',
}

/** What a reader's compiler would say of them, with all that `strict` asks for. */
function complaints(examples: readonly Example[]): string[] {
  const files = examples.map(({ name, code }) => {
    const file = join(work, `${name}.typed.ts`)
    writeFileSync(file, `declare const dataDir: string\n${code}`)
    return file
  })
  const program = ts.createProgram(files, {
    ...{ strict: true, noEmit: true, skipLibCheck: true },
    ...{ target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, lib: ['lib.es2023.d.ts'] },
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    ...{ typeRoots: [join(root, 'node_modules/@types')], types: ['node'] },
    paths: Object.fromEntries(
      Object.entries(entries).map(([name, path]) => [name, [join(root, 'dist', `${path}.d.ts`)]]),
    ),
  })
  return ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
    const text = ts.flattenDiagnosticMessageText(messageText, '\n')
    return `${file?.fileName ?? ''}: ${text}`
  })
}

/** What the example says it prints: the comment behind each console.log. */
function promised(code: string): string[] {
  return [...code.matchAll(/console\.log\(.*\) \/\/ (.*)/g)].map((match) => match[1]!)
}

afterAll(() => {
  rmSync(work, { recursive: true, force: true })
})

describe('the READMEs', () => {
  it('link to what the package holds', () => {
    const words = ['pack', '--dry-run', '--json', '--ignore-scripts']
    const packed = JSON.parse(
      execFileSync('npm', words, { cwd: root, encoding: 'utf8', stdio: 'pipe' }),
    ) as [{ files: { path: string }[] }]
    const shipped = packed[0].files.map(({ path }) => path)
    expect(shipped).toContain('runtime/simulation/README.md')
    for (const page of shipped.filter((path) => path.endsWith('README.md'))) {
      const text = readFileSync(join(root, page), 'utf8')
      const links = [...text.matchAll(/\]\((?!\w+:|#)([^)#]+)/g)].map((match) => match[1]!)
      const missing = links.filter((link) => !shipped.includes(join(dirname(page), link)))
      expect([page, missing]).toEqual([page, []])
    }
  })
})

describe('the examples of the READMEs', () => {
  const examples = pages.flatMap((page) => examplesOf(page, 'example'))
  const typed = pages.flatMap((page) => examplesOf(page, 'typed'))

  it('exist', () => {
    expect(examples.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['embedding', 'counter']),
    )
    expect(typed.map(({ name }) => name)).toContain('gateway')
  })

  it('compile under strict', () => {
    expect(complaints([...examples, ...typed])).toEqual([])
  })

  it.each(examples)('$page: $name', async ({ name, code }) => {
    const dataDir = join(work, name)
    const dist = (path: string): string => pathToFileURL(join(root, 'dist', path)).href
    const source = Object.entries(entries).reduce(
      (text, [entry, path]) => text.replace(`'${entry}'`, `'${dist(`${path}.js`)}'`),
      `const dataDir = ${JSON.stringify(dataDir)}\n${code}`,
    )
    const { outputText } = ts.transpileModule(source, {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
    })
    const file = join(work, `${name}.mjs`)
    writeFileSync(file, outputText)
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
    try {
      await import(/* @vite-ignore */ file)
      const printed = log.mock.calls.map(([value]) => String(value))
      expect(printed).toEqual(promised(code))
    } finally {
      log.mockRestore()
    }
  })
})
