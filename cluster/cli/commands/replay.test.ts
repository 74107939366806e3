import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { createRuntime } from 'suanpan'
import { payments } from 'suanpan/payments'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cardHeader, writeCardFile } from '../testing/card-file.js'
import { askCli } from '../testing/ask-cli.js'
import { CliProcess, lastJson, runCli, temporaryFolder } from '../testing/cli-process.js'

interface Summary {
  readonly settled: number
  readonly replayed: number
  readonly skipped: number
  readonly refused: Readonly<Record<string, number>>
  readonly changedNothing: boolean
  readonly findings: readonly string[]
  readonly conserved: boolean
}

let folder: ReturnType<typeof temporaryFolder>
let data: string
let file: string

beforeEach(() => {
  folder = temporaryFolder()
  data = join(folder.path, 'data')
  file = join(folder.path, 'cards.csv')
})
afterEach(() => folder.remove())

const replay = (...more: string[]): string[] => [
  'replay',
  file,
  '--data',
  data,
  '--shards',
  '8',
  ...more,
]

/** A node that remembers keys for a second serves the folder until none of the file's is left. */
async function forgetAll(dataDir: string): Promise<void> {
  const runtime = await createRuntime({
    ...{ dataDir, actors: payments.actors, threads: 0, idempotencyRetentionMs: 1_000 },
  })
  const bank = payments.client(runtime)
  const names = Array.from({ length: 64 }, (_, i) => `other-${i}`)
  await Promise.all(names.map((id) => bank.openAccount({ id, currency: 'EUR' })))
  const keysLeft = async (): Promise<number> =>
    (await runtime.shardStatus()).reduce((sum, one) => sum + one.idempotencyKeys, 0)
  while ((await keysLeft()) > 0) {
    await Promise.all(names.map((id) => bank.setLimits(`account/${id}`, { perPayment: 5 })))
  }
  // What stands in the journal alone is remembered again by whoever remembers for longer.
  await runtime.snapshot()
  await runtime.snapshot()
  await runtime.close()
}

describe('a file of card transactions', () => {
  it('is paid once, however often it is run', async () => {
    const { rows, zeroRows } = writeCardFile(file, 1_500)
    const first = lastJson<Summary>(await runCli(replay('--json')))
    expect(first).toMatchObject({
      settled: rows - zeroRows,
      replayed: 0,
      skipped: zeroRows,
      refused: {},
      changedNothing: false,
      findings: [],
      conserved: true,
    })
    const again = await runCli(replay())
    expect(again.code).toBe(0)
    expect(again.stdout).toContain('all payments were known already, nothing was changed')
    const third = lastJson<Summary>(await runCli(replay('--json')))
    expect(third).toMatchObject({ settled: 0, replayed: rows - zeroRows, changedNothing: true })
  })

  it('is paid once a week later, too, and not at all where a node has forgotten it since', async () => {
    const { rows, zeroRows } = writeCardFile(file, 60)
    const inline = replay('--json', '--threads', '0')
    await runCli(inline)
    const week = 7 * 86_400_000
    const later = `const now = Date.now; Date.now = () => now() + ${week}`
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(later)}`
    for (let run = 0; run < 2; run++) {
      const again = lastJson<Summary>(await runCli(inline, { NODE_OPTIONS }))
      expect(again).toMatchObject({ settled: 0, replayed: rows - zeroRows, findings: [] })
    }
    await forgetAll(data)
    const forgotten = await runCli(inline)
    expect(forgotten.code).toBe(1)
    expect(forgotten.stderr).toContain('keys_forgotten')
    const audit = await askCli(['verify', '--data', data, '--json'])
    expect(lastJson(audit)).toMatchObject({ payments: rows - zeroRows, conserved: true })
  })

  it('fails where opening deposits can not be made', async () => {
    const huge = Array.from(
      { length: 30 },
      (_, i) => `${i},2024-01-01 00:00:${10 + i},7,9,${9e14 - i}`,
    )
    writeFileSync(
      file,
      `transaction_id,time,customer_id,terminal_id,amount_minor\n${huge.join('\n')}\n`,
    )
    const { code, stderr } = await runCli(replay('--json'))
    expect(code).toBe(1)
    expect(stderr).toContain('deposits_refused')
  })

  it('is read from gzip, and in part with --limit', async () => {
    const { rows, zeroRows } = writeCardFile(file, 600)
    const plain = readFileSync(file)
    writeFileSync(file, gzipSync(plain))
    const part = lastJson<Summary>(await runCli(replay('--limit', '200', '--json')))
    expect(part).toMatchObject({ settled: 200, findings: [], conserved: true })
    const whole = lastJson<Summary>(await runCli(replay('--json')))
    expect(whole).toMatchObject({ settled: rows - zeroRows - 200, replayed: 200, findings: [] })
    const partAgain = lastJson<Summary>(await runCli(replay('--limit', '200', '--json')))
    expect(partAgain).toMatchObject({ settled: 0, replayed: 200, findings: [] })
  })

  it('goes on after kill -9 in the middle', async () => {
    const { rows, zeroRows } = writeCardFile(file, 12_000)
    const process = new CliProcess(replay('--rate', '3000'))
    await process.until(/Paying: .* [1-9][\d,]*\/11,880/)
    process.kill('SIGKILL')
    expect((await process.ended).signal).toBe('SIGKILL')
    const second = lastJson<Summary>(await runCli(replay('--json')))
    expect(second.replayed).toBeGreaterThan(0)
    expect(second.settled).toBeGreaterThan(0)
    expect(second.settled + second.replayed).toBe(rows - zeroRows)
    expect(second).toMatchObject({ refused: {}, findings: [], conserved: true })
    expect((await askCli(['verify', '--data', data])).code).toBe(0)
  })

  it('stops at Ctrl-C and says how to go on', async () => {
    writeCardFile(file, 12_000)
    const process = new CliProcess(replay('--rate', '3000'))
    await process.until(/Paying: /)
    process.kill('SIGINT')
    const { code, stderr } = await process.ended
    expect(code).toBe(1)
    expect(stderr).toMatch(/Run the same command again to go on.*\(interrupted\)/)
  })
})

describe('a file of other data', () => {
  it('has its columns in an order of its own, and more of them', async () => {
    const lines = ['amount_minor,note,terminal_id,time,transaction_id,customer_id']
    for (let id = 1; id <= 20; id++) lines.push(`${id}0,"a, b",shop,2026-01-01 00:00,${id},ann`)
    writeFileSync(file, `\ufeff${lines.join('\r\n')}\r\n`)
    const summary = lastJson<Summary>(await runCli(replay('--json')))
    expect(summary).toMatchObject({ settled: 20, refused: {}, findings: [], conserved: true })
  })
})

describe('a file that is wrong', () => {
  it.each([
    [
      'a column is missing',
      'transaction_id,time\n',
      /line 1: the row does not name the columns customer_id, terminal_id, amount_minor/,
    ],
    [
      'a column is named twice',
      `${cardHeader},amount_minor\n1,2026-01-01T00:00:00Z,1,2,5,0,0,7\n`,
      /line 1: the row names the column amount_minor more than once/,
    ],
    [
      'a row is short',
      `${cardHeader}\n1,2026-01-01T00:00:00Z,1,2\n`,
      /line 2: the row has 4 fields/,
    ],
    [
      'an amount is no number',
      `${cardHeader}\n1,2026-01-01T00:00:00Z,1,2,5,0,0\n2,2026-01-01T00:00:00Z,1,2,-5,0,0\n`,
      /line 3: the row has the amount_minor "-5"/,
    ],
    ['a quote is open', `${cardHeader}\n1,"2026-01-01T00:00:00Z,1,2,5,0,0\n`, /the row is no CSV/],
    [
      'an id comes twice',
      `${cardHeader}\n1,2026-01-01T00:00:00Z,1,2,5,0,0\n1,2026-01-01T00:00:00Z,1,2,6,0,0\n`,
      /transaction_id 1 more than once/,
    ],
    ['it is empty', '', /line 1/],
  ])('is refused before anything is done: %s', async (_, text, sentence) => {
    writeFileSync(file, text)
    const { code, stderr } = await askCli(replay())
    expect(code).toBe(1)
    expect(stderr).toMatch(sentence)
    expect(stderr).toContain('Nothing was done.')
    expect(existsSync(data)).toBe(false)
  })

  it('is refused when its gzip ends too early', async () => {
    writeCardFile(file, 500)
    const zipped = gzipSync(readFileSync(file))
    writeFileSync(file, zipped.subarray(0, zipped.length - 20))
    const { code, stderr } = await askCli(replay('--json'))
    expect(code).toBe(1)
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'file_malformed', file } })
  })

  it('is no file but a folder, and named', async () => {
    const { code, stderr } = await askCli(['replay', folder.path, '--data', data])
    expect(code).toBe(1)
    expect(stderr).toBe(`suanpan: ${folder.path} is a folder; name a file. (file_unreadable)\n`)
  })

  it('is another file than the one whose deposits are there', async () => {
    writeCardFile(file, 300)
    expect((await runCli(replay())).code).toBe(0)
    writeCardFile(file, 400)
    const { code, stderr } = await runCli(replay())
    expect(code).toBe(1)
    expect(stderr).toMatch(/use a new data folder\. \(idempotency_conflict\)/)
  })
})
