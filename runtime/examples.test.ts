// The examples of the READMEs, run as they stand: code blocks marked `ts example NAME`.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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

function examplesOf(page: string): Example[] {
  let text = ''
  try {
    text = readFileSync(join(root, page), 'utf8')
  } catch {
    return []
  }
  return [...text.matchAll(/```ts example (\S+)\n([\s\S]*?)```/g)].map((match) => ({
    page,
    name: match[1]!,
    code: match[2]!,
  }))
}

/** What the example says it prints: the comment behind each console.log. */
function promised(code: string): string[] {
  return [...code.matchAll(/console\.log\(.*\) \/\/ (.*)/g)].map((match) => match[1]!)
}

afterAll(() => {
  rmSync(work, { recursive: true, force: true })
})

describe('the examples of the READMEs', () => {
  const examples = pages.flatMap(examplesOf)

  it('exist', () => {
    expect(examples.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['embedding', 'counter']),
    )
  })

  it.each(examples)('$page: $name', async ({ name, code }) => {
    const dataDir = join(work, name)
    const dist = (path: string): string => pathToFileURL(join(root, 'dist', path)).href
    const source = `const dataDir = ${JSON.stringify(dataDir)}\n${code}`
      .replace(`'suanpan/payments'`, `'${dist('actors/index.js')}'`)
      .replace(`'suanpan/testing'`, `'${dist('runtime/simulation/index.js')}'`)
      .replace(`'suanpan'`, `'${dist('runtime/index.js')}'`)
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
