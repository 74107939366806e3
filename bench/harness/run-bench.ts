/** Runs one scenario: fills the plan, gives it a folder, and makes its outcome a result. */
import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { nodeEnv } from '../../runtime/index.js'
import { BenchUsage } from './bench-failed.js'
import { describeMachine, type Machine } from './machine.js'
import type { LatencySummary } from './latencies.js'
import type { Row } from './rounds.js'
import {
  optionNames,
  type BenchOptions,
  type Figure,
  type Outcome,
  type Plan,
  type Scenario,
} from './scenario.js'

/** What `suanpan bench` prints as its last line with `--json`. */
export interface BenchResult {
  readonly scenario: string
  /** Of the whole run, set-up and recovery included. */
  readonly durationSeconds: number
  readonly completed: number
  readonly perSecond: number
  readonly latencyMs: LatencySummary
  readonly offeredPerSecond?: number
  readonly durability: string
  readonly threads: number
  readonly node: string
  /** Of what was found on disk: money adds up; nothing acknowledged is missing; nothing ran twice. */
  readonly conserved: boolean | null
  readonly lost: number | null
  readonly duplicated: number | null
  /** False when the generator of the headline row could not keep its rate. */
  readonly valid: boolean
  readonly rows: readonly Row[]
  readonly figures: readonly Figure[]
  readonly remarks: readonly string[]
  readonly data: Readonly<Record<string, unknown>>
  readonly findings: readonly string[]
  /** Acknowledged, and found on disk; null where nothing can be counted. */
  readonly acknowledged: number | null
  /** Under way when a round ended: may or may not have run. */
  readonly unanswered: number
  readonly found: number | null
  readonly machine: Machine
  readonly settings: {
    readonly rounds: number
    readonly secondsPerRound: number
    readonly warmUpSeconds: number
    readonly accounts: number
    readonly window: number
  }
  readonly startedAt: string
}

const warmUpShare = 0.5
const warmUpSecondsMin = 1

/** @throws BenchUsage, BenchFailed */
export async function runScenario(
  scenario: Scenario,
  options: BenchOptions = {},
): Promise<BenchResult> {
  refuseForeign(scenario, options)
  const { defaults } = scenario
  const base = resolve(options.data ?? tmpdir())
  // Not Node's own way: where a folder can't be made below another, it tries for ever.
  await nodeEnv().disk.makeFolder(base)
  const folder = folderBelow(base)
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  // A user who interrupts leaves nothing behind either.
  process.once('exit', remove)
  const seconds = options.duration ?? defaults.seconds
  const plan: Plan = {
    seconds,
    warmUpSeconds: Math.min(seconds, Math.max(warmUpSecondsMin, seconds * warmUpShare)),
    rounds: options.rounds ?? defaults.rounds,
    accounts: options.accounts ?? defaults.accounts,
    threads: options.threads,
    shards: options.shards,
    rate: options.rate,
    skew: options.skew,
    window: options.window ?? defaults.window,
    folder,
    say: options.onProgress ?? (() => undefined),
  }
  const machine = describeMachine(folder, loadavg()[0] ?? 0)
  const startedAt = new Date().toISOString()
  const from = performance.now()
  try {
    const outcome = await scenario.run(plan)
    const durationSeconds = (performance.now() - from) / 1000
    return { ...resultOf(scenario, plan, outcome, machine), durationSeconds, startedAt }
  } finally {
    process.off('exit', remove)
    remove()
  }
}

/** @throws errors of the operating system, by the name the user gave */
function folderBelow(base: string): string {
  try {
    return mkdtempSync(join(base, 'suanpan-bench-'))
  } catch (error) {
    throw Object.assign(error as Error, { path: base })
  }
}

/** An option that would change nothing is a mistake worth telling. */
function refuseForeign(scenario: Scenario, options: BenchOptions): void {
  const foreign = optionNames.find(
    (name) => options[name] !== undefined && !scenario.takes.includes(name),
  )
  if (foreign === undefined) return
  const takes = scenario.takes.map((name) => `--${name}`).join(', ')
  throw new BenchUsage(
    `The scenario ${scenario.name} has no use for --${foreign}; it takes ${takes}.`,
  )
}

function resultOf(
  scenario: Scenario,
  plan: Plan,
  outcome: Outcome,
  machine: Machine,
): Omit<BenchResult, 'durationSeconds' | 'startedAt'> {
  const { headline, integrity } = outcome
  const { offeredPerSecond } = headline
  return {
    scenario: scenario.name,
    completed: headline.completed,
    perSecond: headline.perSecond,
    latencyMs: headline.latencyMs,
    ...(offeredPerSecond === undefined ? {} : { offeredPerSecond }),
    durability: outcome.durability,
    threads: outcome.threads,
    node: machine.node,
    conserved: integrity?.conserved ?? null,
    lost: integrity?.lost ?? null,
    duplicated: integrity?.duplicated ?? null,
    valid: headline.valid,
    rows: outcome.rows,
    figures: outcome.figures ?? [],
    remarks: [...(outcome.remarks ?? []), ...remarksOf(machine)],
    data: outcome.data ?? {},
    findings: integrity?.findings ?? [],
    acknowledged: integrity?.acknowledged ?? null,
    unanswered: integrity?.unanswered ?? 0,
    found: integrity?.found ?? null,
    machine,
    settings: {
      rounds: plan.rounds,
      secondsPerRound: plan.seconds,
      warmUpSeconds: plan.warmUpSeconds,
      accounts: plan.accounts,
      window: plan.window,
    },
  }
}

const loadTolerated = 0.5

function remarksOf({ fileSystem, loadBefore }: Machine): string[] {
  const remarks: string[] = []
  if (fileSystem === 'tmpfs') {
    remarks.push(
      'The folder is in memory (tmpfs): syncs cost nothing here; name another with --data.',
    )
  }
  if (loadBefore > loadTolerated) {
    remarks.push(
      `The machine was not idle (load ${loadBefore.toFixed(1)} before the run): ratios hold better than rates.`,
    )
  }
  return remarks
}
