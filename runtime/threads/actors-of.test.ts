import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, it } from 'vitest'
import { actorsOf } from './actors-of.js'

const folder = mkdtempSync(join(tmpdir(), 'suanpan-modules-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})

function moduleOf(name: string, source: string): string {
  const file = join(folder, `${name}.mjs`)
  writeFileSync(file, source)
  return pathToFileURL(file).href
}

it.each([
  ['nothing', 'export const x = 1'],
  ['a number', 'export const actors = 5'],
  ['null', 'export const actors = null'],
  ['no definitions', 'export const actors = {}'],
  ['a default', 'export default { definitions: [] }'],
])('a module that exports %s in place of its actors is told how to', async (name, source) => {
  const loading = actorsOf(moduleOf(name, source))
  await expect(loading).rejects.toMatchObject({ name: 'OpenRefused', code: 'invalid_options' })
  await expect(loading).rejects.toThrow('is to export them: export const actors')
})

it('a module that is not found is told so by its name', async () => {
  const loading = actorsOf(pathToFileURL(join(folder, 'nowhere.mjs')).href)
  await expect(loading).rejects.toMatchObject({ name: 'OpenRefused', code: 'invalid_options' })
  await expect(loading).rejects.toThrow('nowhere.mjs')
})

it('what a module throws is told as it is, and what it exports is taken', async () => {
  const throwing = moduleOf('throws', "throw new Error('no key in the environment')")
  await expect(actorsOf(throwing)).rejects.toMatchObject({ name: 'Error' })
  await expect(actorsOf(throwing)).rejects.toThrow('no key in the environment')
  const good = moduleOf('good', 'export const actors = { definitions: [] }')
  expect(await actorsOf(good)).toEqual({ definitions: [] })
})
