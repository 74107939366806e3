import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeCardFile } from '../testing/card-file.js'
import { askCli } from '../testing/ask-cli.js'
import { CliProcess, lastJson, runCli, temporaryFolder } from '../testing/cli-process.js'

const folder = temporaryFolder()
const good = join(folder.path, 'good')

beforeAll(async () => {
  const file = join(folder.path, 'cards.csv')
  writeCardFile(file, 800)
  expect((await runCli(['replay', file, '--data', good, '--shards', '8'])).code).toBe(0)
})
afterAll(() => folder.remove())

function copyOf(name: string): string {
  const copy = join(folder.path, name)
  cpSync(good, copy, { recursive: true })
  return copy
}

/** Every file of a folder with its content, to show that nothing changed. */
function contentOf(data: string): Map<string, string> {
  return new Map(
    readdirSync(data, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path, readFileSync(path).toString('base64')]),
  )
}

describe('suanpan verify', () => {
  it('counts what is there, proves the money, and changes nothing', async () => {
    const before = contentOf(good)
    const report = lastJson<Record<string, unknown>>(
      await askCli(['verify', '--data', good, '--json']),
    )
    expect(report).toMatchObject({ clean: true, conserved: true, findings: [], payments: 792 })
    expect(report).toMatchObject({ shards: 8, accounts: 97, merchants: 53, tornTails: [] })
    expect(contentOf(good)).toEqual(before)
    const { code, stdout } = await askCli(['verify', '--data', good])
    expect(code).toBe(0)
    expect(stdout).toContain('whole, every frame checked, money conserved')
  })

  it('finds one flipped bit and names file and offset', async () => {
    const data = copyOf('flipped')
    const journal = join(data, 'journal')
    const largest = readdirSync(journal)
      .map((name) => join(journal, name))
      .map((path) => ({ path, used: usedBytes(path) }))
      .sort((a, b) => b.used - a.used)[0]!
    const bytes = readFileSync(largest.path)
    bytes[Math.floor(largest.used / 2)]! ^= 0x10
    writeFileSync(largest.path, bytes)
    const { code, stderr } = await askCli(['verify', '--data', data])
    expect(code).toBe(1)
    expect(stderr).toContain(largest.path)
    expect(stderr).toMatch(/offset \d+.*\(damaged\)/)
    const inJson = await askCli(['verify', '--data', data, '--json'])
    const { error } = JSON.parse(inJson.stderr) as {
      error: { code: string; file: string; offset: number }
    }
    expect(error).toMatchObject({ code: 'damaged', file: largest.path })
    expect(error.offset).toBeLessThanOrEqual(Math.floor(largest.used / 2))
  })

  it('reports a torn tail and leaves it', async () => {
    const data = join(folder.path, 'torn')
    const file = join(folder.path, 'many.csv')
    writeCardFile(file, 12_000)
    const process = new CliProcess(['replay', file, '--data', data, '--rate', '3000'])
    await process.until(/Paying: /)
    process.kill('SIGKILL')
    await process.ended
    const journal = join(data, 'journal')
    const path = readdirSync(journal)
      .sort()
      .map((name) => join(journal, name))
      .findLast((one) => usedBytes(one) > segmentHeaderBytes)!
    const bytes = readFileSync(path)
    // The beginning of a group that never got whole.
    const used = usedBytes(path)
    bytes.fill(0xa5, used, used + 24)
    writeFileSync(path, bytes)
    const before = contentOf(data)
    const finished = await askCli(['verify', '--data', data, '--json'])
    expect(finished.stderr).toBe('')
    const report = lastJson<{ clean: boolean; tornTails: { file: string; offset: number }[] }>(
      finished,
    )
    expect(finished.code).toBe(0)
    expect(report.clean).toBe(false)
    expect(report.tornTails).toMatchObject([{ file: path }])
    expect(contentOf(data)).toEqual(before)
    const again = await runCli(['replay', file, '--data', data])
    expect(again.code).toBe(0)
    expect(again.stderr).toContain(`Dropped a torn tail: ${path} from offset`)
  })

  it('says when a folder is none', async () => {
    const nothing = join(folder.path, 'nothing')
    const { code, stderr } = await askCli(['verify', '--data', nothing])
    expect(code).toBe(1)
    expect(stderr).toContain('is no data folder')
    expect(existsSync(nothing)).toBe(false)
  })
})

/** Of a segment in which nothing was written yet. */
const segmentHeaderBytes = 64

/** Bytes of a segment up to the zeros it was made with. */
function usedBytes(path: string): number {
  const bytes = readFileSync(path)
  let used = bytes.length
  while (used > 0 && bytes[used - 1] === 0) used--
  return (used + 7) & ~7
}
