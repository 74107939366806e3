/** `messages`: a user-defined actor with objects and strings, asked and sent to, one and two threads. */
import { join } from 'node:path'
import type { Integrity } from '../harness/integrity.js'
import type { Measured } from '../harness/loops.js'
import { MeasuredProcess, withProcess } from '../harness/measured-process.js'
import { measureRows, type Lane, type Row } from '../harness/rounds.js'
import { syncedDurability, type Outcome, type Plan, type Scenario } from '../harness/scenario.js'
import { shards } from './suanpan.js'

const depotsMax = 10_000
const fanOut = 16

async function run(plan: Plan): Promise<Outcome> {
  const counts = plan.threads === undefined ? [1, 2] : [plan.threads]
  const rows: Row[] = []
  const checks: Integrity[] = []
  for (const threads of counts) {
    const { rows: some, integrity } = await runThreads(plan, threads)
    rows.push(...some)
    checks.push(integrity)
  }
  const sum = (of: (one: Integrity) => number): number =>
    checks.reduce((total, one) => total + of(one), 0)
  return {
    headline: rows[0]!,
    rows,
    integrity: {
      acknowledged: sum((one) => one.acknowledged),
      unanswered: 0,
      found: sum((one) => one.found),
      lost: sum((one) => one.lost),
      duplicated: sum((one) => one.duplicated),
      asked: 0,
      conserved: checks.every((one) => one.conserved),
      findings: [],
    },
    remarks: [
      `Sent: one asked actor sends to ${fanOut} others; what counts is each message that was applied, and latency is that of the asking.`,
    ],
    durability: syncedDurability,
    threads: counts[0]!,
  }
}

async function runThreads(
  plan: Plan,
  threads: number,
): Promise<{ rows: Row[]; integrity: Integrity }> {
  const depots = Math.min(depotsMax, plan.accounts)
  const setup = { dataDir: join(plan.folder, `messages-${threads}`), threads, shards }
  const name = `${threads} ${threads === 1 ? 'thread' : 'threads'}`
  const measured = new MeasuredProcess('messages', 'programs/messages')
  const { rows, expected } = await withProcess(measured, async () => {
    await measured.order('open', { ...setup, actors: depots })
    const lane = (what: string, load: { fanOut: number; window: number }): Lane => ({
      name: `${what}, ${name}`,
      round: (seconds) => measured.order<Measured>('round', { ...load, seconds }),
    })
    const lanes = [
      lane('ask', { fanOut: 0, window: plan.window }),
      lane('send', { fanOut, window: Math.max(1, Math.floor(plan.window / fanOut)) }),
    ]
    const result = await measureRows(lanes, plan, 'messages')
    return { rows: result, expected: await measured.order<number[]>('close') }
  })
  const fresh = new MeasuredProcess('messages', 'programs/messages')
  const found = await withProcess(fresh, () =>
    fresh.order<number[]>('counts', { ...setup, depots }),
  )
  return { rows, integrity: countMessages(expected, found) }
}

/** Each actor must have taken as many messages as were acknowledged or sent to it. */
export function countMessages(expected: readonly number[], found: readonly number[]): Integrity {
  let lost = 0
  let duplicated = 0
  expected.forEach((count, i) => {
    lost += Math.max(0, count - (found[i] ?? 0))
    duplicated += Math.max(0, (found[i] ?? 0) - count)
  })
  const sum = (counts: readonly number[]): number => counts.reduce((total, one) => total + one, 0)
  return {
    acknowledged: sum(expected),
    unanswered: 0,
    found: sum(found),
    lost,
    duplicated,
    asked: 0,
    conserved: true,
    findings: [],
  }
}

export const messages: Scenario = {
  name: 'messages',
  summary: 'messages of a user-defined actor with objects and strings, asked and sent',
  takes: ['duration', 'rounds', 'accounts', 'threads', 'window'],
  defaults: { seconds: 4, rounds: 3, accounts: depotsMax, window: 8_192 },
  run,
}
