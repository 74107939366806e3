/** `startup`: from the start of the process of an empty node until `/readyz` says yes. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { BenchFailed } from '../harness/bench-failed.js'
import { median } from '../harness/rounds.js'
import { syncedDurability, type Outcome, type Plan, type Scenario } from '../harness/scenario.js'
import { shotsRow } from './single-row.js'

const binary = fileURLToPath(new URL('../../bin/suanpan.js', import.meta.url))
const startsPerRound = 5

async function run(plan: Plan): Promise<Outcome> {
  const shots: number[] = []
  const node: number[] = []
  for (let i = 0; i < plan.rounds * startsPerRound; i++) {
    plan.say(`start ${i + 1} of ${plan.rounds * startsPerRound}`)
    shots.push(await startOnce(plan, join(plan.folder, `start-${i}`)))
    node.push(await nodeAlone())
  }
  const row = shotsRow('suanpan start', 'starts', shots)
  return {
    headline: row,
    rows: [row, shotsRow('node alone', 'starts', node)],
    figures: [
      ['median', `${median(shots).toFixed(0)} ms, of which Node itself ${median(node).toFixed(0)}`],
    ],
    data: { medianMs: median(shots), nodeMs: median(node) },
    durability: syncedDurability,
    threads: plan.threads ?? 0,
  }
}

/** @returns ms until ready */
async function startOnce({ threads }: Plan, dataDir: string): Promise<number> {
  const startedAt = performance.now()
  const words = ['start', '--json', '--port', '0', '--data', dataDir]
  if (threads !== undefined) words.push('--threads', String(threads))
  const child = spawn(process.execPath, [binary, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const { event, url } = JSON.parse(line) as { event: string; url?: string }
      if (event !== 'listening' || url === undefined) continue
      const { status } = await fetch(`${url}/readyz`)
      if (status !== 200) throw new BenchFailed(`The node listened and was not ready (${status}).`)
      return performance.now() - startedAt
    }
    throw new BenchFailed('The node ended before it listened.')
  } finally {
    child.kill('SIGKILL')
    await ended
  }
}

/** What no program can be quicker than. */
async function nodeAlone(): Promise<number> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' })
  await new Promise<void>((resolve) => child.once('exit', () => resolve()))
  return performance.now() - startedAt
}

export const startup: Scenario = {
  name: 'startup',
  summary: 'from the start of an empty node’s process until it is ready',
  takes: ['rounds', 'threads'],
  defaults: { seconds: 0, rounds: 3, accounts: 0, window: 0 },
  run,
}
