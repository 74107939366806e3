/** The linter reads all of the source beside the other tests: it takes one core, for longer than any of them. */
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'

const root = import.meta.dirname
/** Garbage by the gigabyte; a core is all that a linter gets, so its threads would only take turns with it. */
const flags = ['--single-threaded', '--max-semi-space-size=64']

it('the linter has nothing to say', { timeout: 1_800_000 }, async () => {
  const program = join(
    dirname(createRequire(import.meta.url).resolve('eslint/package.json')),
    'bin/eslint.js',
  )
  const linter = spawn(process.execPath, [...flags, program, '.'], { cwd: root, stdio: 'pipe' })
  let said = ''
  for (const stream of [linter.stdout, linter.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  }
  const code = await new Promise((resolve, reject) => {
    linter.on('error', reject)
    linter.on('close', resolve)
  })
  expect(said).toBe('')
  expect(code).toBe(0)
})
