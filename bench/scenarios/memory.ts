/**
 * `memory`: what a resident account takes. A process recovers a folder with so many accounts; what it
 * then has resident, less what it has with an empty folder, is divided by their number.
 */
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { availableMemoryBytes } from '../harness/machine.js'
import { MeasuredProcess, withProcess } from '../harness/measured-process.js'
import type { Row } from '../harness/rounds.js'
import { syncedDurability, type Outcome, type Plan, type Scenario } from '../harness/scenario.js'
import { absentRow, shotsRow } from './single-row.js'

const sizes = [1_000_000, 10_000_000]
/** What must be free for a size to be tried: opening takes more than holding. */
const bytesEachWhileOpening = 1_500
const heapMb = 16_384

async function run(plan: Plan): Promise<Outcome> {
  const wanted = plan.accounts === 0 ? sizes : [plan.accounts]
  const rows: Row[] = []
  const figures: [string, string][] = []
  const each: Record<string, number> = {}
  let threads = 0
  for (const accounts of wanted) {
    const name = `${accounts} accounts`
    if (accounts * bytesEachWhileOpening > availableMemoryBytes()) {
      rows.push(
        absentRow(name, 'accounts', 'not measured: this machine has too little memory free'),
      )
      continue
    }
    const weighed = await weigh(plan, accounts)
    threads = weighed.threads
    rows.push(shotsRow(name, 'accounts', [weighed.openingMs], accounts))
    figures.push([`${name}, bytes each`, weighed.bytesEach.toFixed(0)])
    figures.push([`${name}, recovered in`, `${(weighed.recoveryMs / 1000).toFixed(2)} s`])
    each[accounts] = weighed.bytesEach
  }
  return {
    headline: rows[0]!,
    rows,
    figures,
    data: { bytesPerAccount: each },
    remarks: [
      'Bytes are resident memory of the whole process, code, buffers and unused heap included, less that of an empty node.',
    ],
    durability: syncedDurability,
    threads,
  }
}

interface Weighed {
  readonly bytesEach: number
  readonly openingMs: number
  readonly recoveryMs: number
  readonly threads: number
}

async function weigh(plan: Plan, accounts: number): Promise<Weighed> {
  const dataDir = join(plan.folder, `memory-${accounts}`)
  const empty = await held(plan, join(plan.folder, `empty-${accounts}`), 0)
  plan.say(`opening ${accounts} accounts`)
  const openingMs = await fill(plan, dataDir, accounts)
  plan.say(`weighing a fresh process with ${accounts} accounts`)
  const full = await held(plan, dataDir, accounts)
  return {
    bytesEach: (full.bytes - empty.bytes) / accounts,
    openingMs,
    recoveryMs: full.openMs,
    threads: full.threads,
  }
}

function start(): MeasuredProcess {
  const flags = ['--expose-gc', `--max-old-space-size=${heapMb}`]
  return new MeasuredProcess('accounts', 'programs/accounts', { flags })
}

function setup(plan: Plan, dataDir: string): object {
  return { dataDir, ...(plan.threads === undefined ? {} : { threads: plan.threads }) }
}

async function fill(plan: Plan, dataDir: string, accounts: number): Promise<number> {
  return withProcess(start(), async (process) => {
    await process.order('open', setup(plan, dataDir))
    const startedAt = performance.now()
    await process.order('fill', accounts)
    const ms = performance.now() - startedAt
    await process.order('close')
    return ms
  })
}

async function held(
  plan: Plan,
  dataDir: string,
  accounts: number,
): Promise<{ bytes: number; openMs: number; threads: number }> {
  return withProcess(start(), async (process) => {
    const startedAt = performance.now()
    const threads = await process.order<number>('open', setup(plan, dataDir))
    const openMs = performance.now() - startedAt
    const found = await process.order<number>('count')
    if (found < accounts) throw new Error(`only ${found} of ${accounts} accounts came back`)
    const bytes = await process.order<number>('weigh')
    await process.order('close')
    return { bytes, openMs, threads }
  })
}

export const memory: Scenario = {
  name: 'memory',
  summary: 'bytes a resident account takes, at 1 and 10 million',
  takes: ['accounts', 'threads'],
  defaults: { seconds: 0, rounds: 1, accounts: 0, window: 0 },
  run,
}
