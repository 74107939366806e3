/**
 * The command that simulates seed after seed, whatever is simulated: says how it goes, and adds what
 * it found to the results kept in the repository. A seed that fails prints the one line that repeats it.
 */
import { appendFileSync } from 'node:fs'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { Command, InvalidArgumentError } from 'commander'
import {
  addCampaigns,
  runSeeds,
  type CampaignResult,
  type RunResult,
} from '../../../runtime/simulation/index.js'
import { commit } from './commit.js'
import { reportRecorded } from './recorded-results.js'

type Run = RunResult<string>
type Sums = CampaignResult<string>

/** One workload of what is simulated. */
export interface SimulatedWorkload {
  /** Rare branches that a campaign of many seeds must reach. */
  readonly mustReach: readonly string[]
  run(seed: number, options: RunOptions): Promise<Run>
}

export interface RunOptions {
  /** A short load, whatever the seed has. */
  readonly short: boolean
  /** Takes the lines of a readable trace. */
  readonly onLine?: (line: string) => void
}

/** What a command simulates. */
export interface Simulated {
  /** Name of the script that runs the command. */
  readonly script: string
  readonly description: string
  readonly workloads: Readonly<Record<string, SimulatedWorkload>>
  /** Whether it has long loads, which `--short` leaves out. */
  readonly hasLongLoads: boolean
  /** File that a line is added to. */
  readonly results: URL
  /** Module that calls {@link simulateCommand}: threads run it too. */
  readonly entry: URL
}

interface Flags {
  readonly seeds: number
  readonly from: number
  readonly only?: number
  readonly workload: string
  readonly jobs: number
  readonly short?: boolean
  readonly json?: true
  readonly record: boolean
  /** Commits, or all. */
  readonly recorded?: true | readonly string[]
}

/** What one thread is to run. */
interface Job {
  readonly name: string
  readonly short: boolean
  readonly from: number
  readonly seeds: number
}

/** Fewer seeds than this may miss a rare branch by chance. */
const seedsToReachAll = 300

/** The command line, or one of its threads. */
export async function simulateCommand(simulated: Simulated): Promise<void> {
  if (!isMainThread) {
    await job(simulated, workerData as Job)
    return
  }
  const flags = readFlags(simulated)
  if (flags.recorded !== undefined) {
    reportRecorded(simulated.results, flags.recorded === true ? [] : flags.recorded)
    return
  }
  process.exitCode =
    flags.only === undefined
      ? await campaign(simulated, flags)
      : await repeat(simulated, flags, flags.only)
}

function readFlags({ script, description, workloads, hasLongLoads }: Simulated): Flags {
  const names = Object.keys(workloads)
  const known = (name: string): string => {
    if (name in workloads) return name
    throw new InvalidArgumentError(`It must be one of: ${names.join(', ')}.`)
  }
  const command = new Command(script)
    .description(description)
    .option('--seeds <n>', 'number of seeds', whole, 100)
    .option('--from <seed>', 'first seed', whole, 1)
    .option('--only <seed>', 'run this seed twice and print its trace', whole)
    .option('--workload <name>', `one of: ${names.join(', ')}`, known, names[0])
    .option('--jobs <n>', 'threads to run seeds on', whole, 1)
    .option('--json', 'print one JSON object at the end')
    .option('--no-record', 'add no line to the results file')
    .option(
      '--recorded [commits...]',
      'run nothing: add up the results file, or these commits of it',
    )
  if (hasLongLoads) command.option('--short', 'short loads only: what the tests run', false)
  return command.parse().opts<Flags>()
}

async function repeat(
  { workloads }: Simulated,
  { workload, json, short = false }: Flags,
  seed: number,
): Promise<number> {
  const subject = workloads[workload]!
  const onLine = (line: string): void => {
    if (json !== true) console.log(line)
  }
  const first = await subject.run(seed, { short, onLine })
  const second = await subject.run(seed, { short })
  const same = first.hash === second.hash
  console.log(json === true ? JSON.stringify(first) : summaryOfRun(first))
  if (!same) console.error(`not deterministic: ${first.hash}, then ${second.hash}`)
  return same && first.violations.length === 0 ? 0 : 1
}

async function campaign(simulated: Simulated, flags: Flags): Promise<number> {
  const began = performance.now()
  const onRun = progress(simulated.script, flags, began)
  const broken = (seed: number): void => {
    console.error(`${lineOf(simulated.script, flags, seed)}  # the run broke off`)
  }
  const parts = await Promise.all(
    shares(flags).map((share) => inThread(simulated.entry, share, onRun, broken)),
  )
  const sum = parts.reduce(addCampaigns)
  const mustReach =
    flags.seeds < seedsToReachAll ? [] : simulated.workloads[flags.workload]!.mustReach
  const neverReached = mustReach.filter((name) => (sum.sometimes[name] ?? 0) === 0)
  const seconds = Math.round((performance.now() - began) / 100) / 10
  const origin = { date: new Date().toISOString(), commit: commit(), short: flags.short === true }
  const line = { ...origin, ...sum, neverReached, seconds }
  if (flags.record) appendFileSync(simulated.results, `${JSON.stringify(line)}\n`)
  if (flags.json === true) console.log(JSON.stringify(line))
  else report(line)
  return sum.failures.length === 0 && neverReached.length === 0 ? 0 : 1
}

function shares({ workload: name, short = false, from, seeds, jobs }: Flags): Job[] {
  const each = Math.ceil(seeds / Math.max(1, jobs))
  const parts: Job[] = []
  for (let at = 0; at < seeds; at += each) {
    parts.push({ name, short, from: from + at, seeds: Math.min(each, seeds - at) })
  }
  return parts
}

function inThread(
  entry: URL,
  share: Job,
  onRun: (run: Run) => void,
  broken: (seed: number) => void,
): Promise<Sums> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(entry, { workerData: share })
    let seed = share.from
    worker.on('message', (message: { run?: Run; result?: Sums }) => {
      if (message.run !== undefined) {
        seed = message.run.seed + 1
        onRun(message.run)
      }
      if (message.result !== undefined) resolve(message.result)
    })
    worker.on('error', (error) => {
      // What nobody handles ends a node, and here the thread.
      broken(seed)
      reject(error)
    })
  })
}

async function job({ workloads }: Simulated, { name, short, from, seeds }: Job): Promise<void> {
  // Faults are made by the thousand, and nobody reads where; a failing seed is run again for that.
  Error.stackTraceLimit = 0
  const result = await runSeeds({
    ...{ workload: name, from, seeds, mustReach: [] },
    run: (seed) => workloads[name]!.run(seed, { short }),
    onRun: (run) => parentPort!.postMessage({ run }),
  })
  parentPort!.postMessage({ result })
}

/** Says how it goes on standard error, about once a second. */
function progress(script: string, flags: Flags, began: number): (run: Run) => void {
  let [done, events, said] = [0, 0, began]
  return (run) => {
    done++
    events += run.events
    if (run.violations.length > 0)
      console.error(`${lineOf(script, flags, run.seed)}  # ${run.violations[0]!}`)
    const now = performance.now()
    if (now - said < 1_000) return
    said = now
    const seconds = (now - began) / 1_000
    const rate = (done / seconds).toFixed(1)
    console.error(`${done} seeds, ${rate} seeds/s, ${Math.round(events / seconds)} events/s`)
  }
}

function lineOf(script: string, { workload, short = false }: Flags, seed: number): string {
  return `npm run ${script} -- --workload ${workload}${short ? ' --short' : ''} --only ${seed}`
}

function report(line: Sums & { readonly seconds: number }): void {
  const { seeds, events, failures, neverReached, seconds } = line
  console.log(`${seeds} seeds, ${events} events in ${seconds} s: ${failures.length} failed`)
  for (const [kind, count] of Object.entries(line.faults)) console.log(`  ${kind}: ${count}`)
  console.log('reached:')
  for (const [name, count] of Object.entries(line.sometimes)) console.log(`  ${name}: ${count}`)
  for (const name of neverReached) console.log(`never reached: ${name}`)
}

function summaryOfRun(run: Run): string {
  const verdict = run.violations.length === 0 ? 'clean' : run.violations.join('\n')
  return `seed ${run.seed}: ${run.events} events, trace ${run.hash}\n${verdict}`
}

function whole(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new InvalidArgumentError('It must be a whole number above zero.')
}
