/**
 * The command `npm run simulate`: runs seeds of a workload, says how it goes, and adds what it found
 * to the results kept in the repository. A seed that fails prints the one line that repeats it.
 */
import { execFileSync } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { Command, InvalidArgumentError } from 'commander'
import {
  registers,
  runCampaign,
  runtimeBranches,
  simulate,
  type CampaignResult,
  type OracleFactory,
  type RunResult,
  type Workload,
} from '../../runtime/simulation/index.js'
import { paymentOracles } from './judge.js'
import { paymentWorkload } from './workload.js'

interface Subject {
  readonly workload: Workload
  readonly oracles: readonly OracleFactory[]
}

/** What can be simulated, by name. */
const subjects: Readonly<Record<string, Subject>> = {
  generic: { workload: registers, oracles: registers.oracles },
  payments: { workload: paymentWorkload, oracles: [paymentOracles] },
}

interface Flags {
  readonly seeds: number
  readonly from: number
  readonly only?: number
  readonly workload: string
  readonly jobs: number
  readonly short: boolean
  readonly json?: true
  readonly record: boolean
}

/** Fewer seeds than this may miss a rare branch by chance. */
const seedsToReachAll = 300

const results = new URL('../../../runtime/simulation/results.jsonl', import.meta.url)

if (isMainThread) await main()
else await job(workerData as Job)

async function main(): Promise<void> {
  const flags = readFlags()
  process.exitCode =
    flags.only === undefined ? await campaign(flags) : await repeat(flags, flags.only)
}

function readFlags(): Flags {
  return new Command('simulate')
    .description('Simulates runtimes under faults and judges what they did.')
    .option('--seeds <n>', 'number of seeds', whole, 100)
    .option('--from <seed>', 'first seed', whole, 1)
    .option('--only <seed>', 'run this seed twice and print its trace', whole)
    .option('--workload <name>', `one of: ${Object.keys(subjects).join(', ')}`, known, 'generic')
    .option('--jobs <n>', 'threads to run seeds on', whole, 1)
    .option('--short', 'short loads only: what the tests run', false)
    .option('--json', 'print one JSON object at the end')
    .option('--no-record', 'add no line to the results file')
    .parse()
    .opts<Flags>()
}

async function repeat({ workload, json, short }: Flags, seed: number): Promise<number> {
  const subject = subjects[workload]!
  const onLine = (line: string): void => {
    if (json !== true) console.log(line)
  }
  const first = await simulate({ seed, ...subject, short, onLine })
  const second = await simulate({ seed, ...subject, short })
  const same = first.hash === second.hash
  console.log(json === true ? JSON.stringify(first) : summaryOfRun(first))
  if (!same) console.error(`not deterministic: ${first.hash}, then ${second.hash}`)
  return same && first.violations.length === 0 ? 0 : 1
}

async function campaign(flags: Flags): Promise<number> {
  const began = performance.now()
  const parts = await Promise.all(
    shares(flags).map((share) => inThread(flags, share, progress(flags, began))),
  )
  const sum = parts.reduce(addCampaigns)
  const mustReach = flags.seeds < seedsToReachAll ? [] : branchesOf(flags.workload)
  const neverReached = mustReach.filter((name) => (sum.sometimes[name] ?? 0) === 0)
  const seconds = Math.round((performance.now() - began) / 100) / 10
  const line = { date: new Date().toISOString(), commit: commit(), ...sum, neverReached, seconds }
  if (flags.record) appendFileSync(results, `${JSON.stringify(line)}\n`)
  if (flags.json === true) console.log(JSON.stringify(line))
  else report(line)
  return sum.failures.length === 0 && neverReached.length === 0 ? 0 : 1
}

function branchesOf(workload: string): readonly string[] {
  const own = subjects[workload]!.oracles.flatMap(({ sometimes }) => sometimes ?? [])
  return workload === 'generic' ? [...runtimeBranches, ...own] : own
}

function shares({ from, seeds, jobs }: Flags): { from: number; seeds: number }[] {
  const each = Math.ceil(seeds / Math.max(1, jobs))
  const parts: { from: number; seeds: number }[] = []
  for (let at = 0; at < seeds; at += each) {
    parts.push({ from: from + at, seeds: Math.min(each, seeds - at) })
  }
  return parts
}

function inThread(
  { workload: name, short }: Flags,
  share: { from: number; seeds: number },
  onRun: (run: RunResult) => void,
): Promise<CampaignResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { name, short, ...share } })
    worker.on('message', (message: { run?: RunResult; result?: CampaignResult }) => {
      if (message.run !== undefined) onRun(message.run)
      if (message.result !== undefined) resolve(message.result)
    })
    worker.on('error', reject)
  })
}

interface Job {
  readonly name: string
  readonly short: boolean
  readonly from: number
  readonly seeds: number
}

async function job({ name, ...share }: Job): Promise<void> {
  // Faults are made by the thousand, and nobody reads where; a failing seed is run again for that.
  Error.stackTraceLimit = 0
  const result = await runCampaign({
    ...subjects[name]!,
    ...share,
    mustReach: [],
    onRun: (run) => parentPort!.postMessage({ run }),
  })
  parentPort!.postMessage({ result })
}

/** Says how it goes on standard error, about once a second. */
function progress(flags: Flags, began: number): (run: RunResult) => void {
  let [done, events, said] = [0, 0, began]
  return (run) => {
    done++
    events += run.events
    if (run.violations.length > 0)
      console.error(`${lineOf(flags, run.seed)}  # ${run.violations[0]!}`)
    const now = performance.now()
    if (now - said < 1_000) return
    said = now
    const seconds = (now - began) / 1_000
    const rate = (done / seconds).toFixed(1)
    console.error(`${done} seeds, ${rate} seeds/s, ${Math.round(events / seconds)} events/s`)
  }
}

function lineOf({ workload, short }: Flags, seed: number): string {
  return `npm run simulate -- --workload ${workload}${short ? ' --short' : ''} --only ${seed}`
}

function report(line: CampaignResult & { readonly seconds: number }): void {
  const { seeds, events, failures, neverReached, seconds } = line
  console.log(`${seeds} seeds, ${events} events in ${seconds} s: ${failures.length} failed`)
  for (const [kind, count] of Object.entries(line.faults)) console.log(`  ${kind}: ${count}`)
  console.log('reached:')
  for (const [name, count] of Object.entries(line.sometimes)) console.log(`  ${name}: ${count}`)
  for (const name of neverReached) console.log(`never reached: ${name}`)
}

function summaryOfRun(run: RunResult): string {
  const verdict = run.violations.length === 0 ? 'clean' : run.violations.join('\n')
  return `seed ${run.seed}: ${run.events} events, trace ${run.hash}\n${verdict}`
}

function addCampaigns(one: CampaignResult, other: CampaignResult): CampaignResult {
  const add = (
    a: Readonly<Record<string, number>>,
    b: Readonly<Record<string, number>>,
  ): Record<string, number> => {
    const sum = { ...a }
    for (const [name, count] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + count
    return sum
  }
  return {
    workload: one.workload,
    from: one.from,
    seeds: one.seeds + other.seeds,
    events: one.events + other.events,
    virtualMs: one.virtualMs + other.virtualMs,
    operations: one.operations + other.operations,
    faults: add(one.faults, other.faults),
    sometimes: add(one.sometimes, other.sometimes),
    failures: [...one.failures, ...other.failures],
    neverReached: [],
  }
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  } catch {
    return 'unknown'
  }
}

function whole(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new InvalidArgumentError('It must be a whole number above zero.')
}

function known(name: string): string {
  if (name in subjects) return name
  throw new InvalidArgumentError(`It must be one of: ${Object.keys(subjects).join(', ')}.`)
}
