// Scenarios as a user runs them, for moments only: their shape, their integrity, their refusals.
// Rates are not looked at. Children run the built package.
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { htmlReport, runBench, textReport, type BenchResult } from 'suanpan/bench'
import { recoverAndCheck, Suanpan } from './testing/built.js'

const data = mkdtempSync(join(tmpdir(), 'suanpan-bench-test-'))
afterAll(() => rmSync(data, { recursive: true, force: true }))

// A peer that may not run as root must get through to its own folder.
chmodSync(data, 0o711)

const brief = { data, duration: 0.3, rounds: 1, accounts: 50 }
/** Where they may be chosen: no more shards than show that there are several. */
const few = { shards: 8 }
/** For several loads, one after the other. */
const briefer = { ...brief, duration: 0.1 }

function expectWhole(result: BenchResult): void {
  expect(result).toMatchObject({ conserved: true, lost: 0, duplicated: 0 })
  expect(result.found).toBeGreaterThanOrEqual(result.acknowledged ?? Infinity)
  expect(result.acknowledged).toBeGreaterThan(0)
}

describe('a run', () => {
  it('compares with the yardstick, recovers, and leaves nothing behind', async () => {
    const result = await runBench('embedded', { ...brief, threads: 1, window: 256 })
    expectWhole(result)
    expect(result.rows.map(({ name }) => name)).toEqual(['limit', 'embedded'])
    expect(result.rows[1]?.ratio?.of).toBe('limit')
    expect(result.data['shareAcross']).toBeGreaterThan(0.9)
    expect(result.rows[1]?.usage?.syncs).toBeGreaterThan(0)
    expect(result.threads).toBe(1)
    expect(readdirSync(data)).toEqual([])
    expect(textReport(result)).toMatch(/nothing lost, nothing duplicated/)
    const page = htmlReport(result)
    expect(page).toContain('<svg')
    expect(page).not.toMatch(/NaN|Infinity|undefined|src=|href=/)
  })

  it('says that figures are invalid when the system could not keep up', async () => {
    // Five times as many as a generator begins at all in such a moment: no need to fill the mailboxes.
    const rate = 5_000_000
    const result = await runBench('latency', { ...brief, ...few, duration: 0.001, rate })
    expect(result.valid).toBe(false)
    expect(result.rows[0]?.remark).toMatch(/rate|more came in than went out|refused/)
    expect(textReport(result)).toContain('INVALID')
    expect(result).toMatchObject({ conserved: true, lost: 0, duplicated: 0 })
  })

  it('counts messages of other actors', async () => {
    expectWhole(await runBench('messages', { ...brief, threads: 1, window: 64 }))
  })

  it('moves several accounts at once', async () => {
    expectWhole(await runBench('smallbank', { ...brief, ...few, skew: 1, threads: 1 }))
  })

  it('funds payments from one hot payer', async () => {
    const result = await runBench('skew', { ...briefer, ...few, window: 64, threads: 1 })
    expectWhole(result)
    expect(result.rows.map(({ name }) => name)).toEqual([
      'uniform',
      'zipf 0.9',
      'zipf 1',
      'zipf 1.25',
      'zipf 1.5',
      'one hot merchant',
      'one hot payer',
    ])
  })

  it('kills a node and recovers it', async () => {
    const { rounds: _rounds, ...options } = brief
    const result = await runBench('recovery', { ...options, ...few, window: 64 })
    expectWhole(result)
    expect(result.data['clean']).toBe(false)
    expect(result.data['ordinals']).toBeGreaterThan(100)
  })

  it('asks over HTTP, one by one and in batches', async () => {
    const result = await runBench('http', { ...briefer, window: 4 })
    expectWhole(result)
    expect(result.rows.map(({ name }) => name)).toEqual(['empty route', 'single', 'batch'])
  })

  it.each(['journal', 'snapshot'])('%s runs', async (name) => {
    const { accounts, ...rest } = brief
    const options = name === 'snapshot' ? { ...rest, ...few, accounts, rate: 200 } : rest
    const result = await runBench(name, options)
    expect(result.completed).toBeGreaterThan(0)
  })

  it('weighs accounts', async () => {
    const result = await runBench('memory', { data, accounts: 2_000 })
    expect(result.data['bytesPerAccount']).toHaveProperty('2000')
  })

  it('names peers that are missing, and compares those that are there', async () => {
    const result = await runBench('peers', { ...brief, ...few, window: 64 })
    expectWhole(result)
    expect(result.rows.map(({ name }) => name).sort()).toEqual(['PostgreSQL', 'Redis', 'suanpan'])
    for (const row of result.rows) {
      if (row.completed === 0) expect(row.remark).toMatch(/^not measured: there is no program/)
      else expect(result.rows[0]?.perSecond).toBeGreaterThan(0)
    }
    for (const peer of Object.values(result.data['peers'] as Record<string, object>)) {
      expect(peer).toMatchObject({ lost: 0, duplicated: 0, conserved: true })
    }
  })
})

describe('the integrity check', () => {
  it('finds a payment that was acknowledged and is not on disk, and one that ran unasked', async () => {
    const run = new Suanpan(join(data, 'planted'), 20)
    const acknowledged = await run.payFor(0.3)
    const good = await recoverAndCheck(run.recoverOptions)
    expect(good.integrity).toMatchObject({ lost: 0, duplicated: 0, conserved: true })
    expect(good.integrity.acknowledged).toBeGreaterThan(0)
    expect(good.integrity.asked).toBeGreaterThan(0)

    // Row by row: paid, received, perhaps paid, perhaps received; parties 0 to 40.
    const counts = new Int32Array(new Uint8Array(readFileSync(acknowledged)).buffer)
    counts[0] = counts[0]! + 1
    writeFileSync(acknowledged, Buffer.from(counts.buffer))
    const planted = await recoverAndCheck(run.recoverOptions)
    expect(planted.integrity).toMatchObject({ lost: 1, duplicated: 0 })

    counts[0] = counts[0] - 3
    writeFileSync(acknowledged, Buffer.from(counts.buffer))
    const unasked = await recoverAndCheck(run.recoverOptions)
    expect(unasked.integrity).toMatchObject({ lost: 0, duplicated: 2 })
  })

  it('asks for payments again with their keys, and misses one that is not there', async () => {
    const run = new Suanpan(join(data, 'asked'), 20)
    const acknowledged = await run.payFor(0.3)
    const path = `${acknowledged}.samples`
    const samples = JSON.parse(readFileSync(path, 'utf8')) as { id: string }[]
    samples[0]!.id = 'p0-zzzzzz'
    writeFileSync(path, JSON.stringify(samples))
    expect((await recoverAndCheck(run.recoverOptions)).integrity).toMatchObject({ lost: 1 })
  })
})

describe('wrong usage', () => {
  it('names the scenarios there are', async () => {
    await expect(runBench('nonsense')).rejects.toThrow(
      /There is no scenario nonsense; there are limit/,
    )
  })

  it('names the options a scenario takes', async () => {
    await expect(runBench('journal', { rate: 5 })).rejects.toThrow(
      /has no use for --rate; it takes/,
    )
  })
})
