/**
 * Many seeds, one after the other: what they found together, as sums anyone can recompute.
 */
import type { FaultKind } from './faults.js'
import type { OracleFactory } from './oracle.js'
import { simulate, type RunResult } from './simulate.js'
import type { Workload } from './workload.js'

/** What to run. */
export interface CampaignOptions {
  readonly workload: Workload
  readonly oracles?: readonly OracleFactory[]
  /** First seed. */
  readonly from: number
  readonly seeds: number
  /** Short loads only. @default false */
  readonly short?: boolean
  /** Rare branches that must have been reached. @default those of the oracles */
  readonly mustReach?: readonly string[]
  /** Told of each run that ended. */
  readonly onRun?: (run: RunResult, soFar: CampaignResult) => void
}

/** Sums over a campaign. */
export interface CampaignResult {
  readonly workload: string
  readonly from: number
  readonly seeds: number
  readonly events: number
  readonly virtualMs: number
  readonly operations: number
  /** How often each fault bit. */
  readonly faults: Partial<Record<FaultKind, number>>
  readonly sometimes: Readonly<Record<string, number>>
  /** Seeds that failed, with what they found. */
  readonly failures: readonly { readonly seed: number; readonly violations: readonly string[] }[]
  /** Rare branches no seed reached: a blind spot of the campaign. */
  readonly neverReached: readonly string[]
}

/** Rare branches of the runtime that a campaign of a few hundred seeds reaches. */
export const runtimeBranches: readonly string[] = [
  'answer given again',
  'key known after a restart',
  'outbox sent again after a restart',
  'torn tail dropped',
  'timer fired after a restart',
  'fenced owner',
  'stopped on a disk error',
  'snapshot equals replay',
  'journal behind snapshots let go',
  'opened after a clean close',
  'message parked',
  'fault overloaded',
  'fault quarantined',
  'fault outcome_unknown',
  'bit_rot: refused',
  'misdirected_write: refused',
  'lying_sync: refused',
  'lying_sync: loss found',
]

/** Runs a campaign. It never throws for what a seed finds: that is in its result. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { workload, from, seeds, oracles = [], short = false } = options
  const mustReach = options.mustReach ?? oracles.flatMap(({ sometimes }) => sometimes ?? [])
  let sum: CampaignResult = emptyCampaign(workload.name, from)
  for (let seed = from; seed < from + seeds; seed++) {
    const run = await runSafely({ seed, workload, oracles, short })
    sum = addRun(sum, run)
    options.onRun?.(run, sum)
  }
  return { ...sum, neverReached: mustReach.filter((name) => (sum.sometimes[name] ?? 0) === 0) }
}

/** A seed that breaks the kit itself fails too, with its own line. */
async function runSafely(options: Parameters<typeof simulate>[0]): Promise<RunResult> {
  try {
    return await simulate(options)
  } catch (error) {
    const violations = [
      `the run broke off: ${error instanceof Error ? error.stack : String(error)}`,
    ]
    const nothing = { hash: '', events: 0, virtualMs: 0, operations: 0, faults: {}, sometimes: {} }
    return { seed: options.seed, ...nothing, violations }
  }
}

export function emptyCampaign(workload: string, from: number): CampaignResult {
  return {
    workload,
    from,
    seeds: 0,
    events: 0,
    virtualMs: 0,
    operations: 0,
    faults: {},
    sometimes: {},
    failures: [],
    neverReached: [],
  }
}

function addRun(sum: CampaignResult, run: RunResult): CampaignResult {
  const { seed, violations } = run
  return {
    ...sum,
    seeds: sum.seeds + 1,
    events: sum.events + run.events,
    virtualMs: sum.virtualMs + run.virtualMs,
    operations: sum.operations + run.operations,
    faults: addCounts(sum.faults, run.faults),
    sometimes: addCounts(sum.sometimes, run.sometimes),
    failures: violations.length === 0 ? sum.failures : [...sum.failures, { seed, violations }],
  }
}

function addCounts<N extends string>(
  one: Partial<Record<N, number>>,
  other: Partial<Record<N, number>>,
): Record<N, number> {
  const sum: Record<string, number> = { ...one } as Record<string, number>
  for (const [name, count] of Object.entries<number | undefined>(other)) {
    sum[name] = (sum[name] ?? 0) + (count ?? 0)
  }
  return sum
}
