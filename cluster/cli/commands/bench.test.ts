import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { scenarios } from 'suanpan/bench'
import { CliProcess, lastJson, runCli, temporaryFolder } from '../testing/cli-process.js'
import { scenarioSummaries } from './bench.js'

const folder = temporaryFolder()
afterAll(() => folder.remove())

describe('suanpan bench', () => {
  it('lists every scenario in its help, in the words of the harness', () => {
    const own = Object.fromEntries(scenarios.map(({ name, summary }) => [name, summary]))
    expect(scenarioSummaries).toEqual(own)
  })

  it('prints the result as its last line with --json, and writes the report', async () => {
    const report = join(folder.path, 'report.html')
    const words = ['bench', 'limit', '--duration', '1', '--rounds', '1', '--accounts', '20']
    const finished = await runCli([...words, '--data', folder.path, '--report', report, '--json'])
    expect(finished.code).toBe(0)
    expect(lastJson<object>(finished)).toMatchObject({
      scenario: 'limit',
      durationSeconds: expect.any(Number),
      completed: expect.any(Number),
      perSecond: expect.any(Number),
      latencyMs: {
        p50: expect.any(Number),
        p90: expect.any(Number),
        p99: expect.any(Number),
        p999: expect.any(Number),
        max: expect.any(Number),
      },
      durability: 'fdatasync before the answer',
      threads: 0,
      node: process.version,
      conserved: true,
      lost: 0,
      duplicated: 0,
    })
    expect(readFileSync(report, 'utf8')).toMatch(/^<!doctype html>[\s\S]*<svg/)
  })

  it('says before it measures that the report can not be written', async () => {
    const report = join(folder.path, 'no-folder', 'report.html')
    const words = ['bench', 'limit', '--duration', '600', '--accounts', '20']
    const finished = await runCli([...words, '--data', folder.path, '--report', report])
    expect(finished.code).toBe(1)
    expect(finished.stderr).toContain(report)
    expect(finished.stderr).not.toMatch(/…/)
  })

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'leaves nothing behind when %s ends it',
    async (signal) => {
      const data = join(folder.path, signal)
      const words = ['bench', 'limit', '--duration', '600', '--accounts', '20', '--data', data]
      const running = new CliProcess(words)
      await expect
        .poll(() => existsSync(data) && readdirSync(data), { timeout: 30_000 })
        .toHaveLength(1)
      running.kill(signal)
      expect((await running.ended).code).toBe(1)
      expect(readdirSync(data)).toEqual([])
    },
  )
})
