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
export interface CampaignResult<Kind extends string = FaultKind> {
  readonly workload: string
  readonly from: number
  readonly seeds: number
  readonly events: number
  readonly virtualMs: number
  readonly operations: number
  /** How often each fault bit. */
  readonly faults: Partial<Record<Kind, number>>
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
  'increment equals replay',
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

/** Seeds of whatever can be simulated. */
export interface SeedsOptions<Kind extends string> {
  /** Name of the workload. */
  readonly workload: string
  readonly from: number
  readonly seeds: number
  readonly mustReach: readonly string[]
  readonly run: (seed: number) => Promise<RunResult<Kind>>
  readonly onRun?: ((run: RunResult<Kind>, soFar: CampaignResult<Kind>) => void) | undefined
}

/** Runs a campaign. It never throws for what a seed finds: that is in its result. */
export function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { workload, oracles = [], short = false } = options
  return runSeeds({
    ...options,
    workload: workload.name,
    mustReach: options.mustReach ?? oracles.flatMap(({ sometimes }) => sometimes ?? []),
    run: (seed) => simulate({ seed, workload, oracles, short }),
  })
}

/** Runs seed after seed, and adds up what they found. */
export async function runSeeds<Kind extends string>(
  options: SeedsOptions<Kind>,
): Promise<CampaignResult<Kind>> {
  const { workload, from, seeds, mustReach } = options
  let sum = emptyCampaign<Kind>(workload, from)
  for (let seed = from; seed < from + seeds; seed++) {
    const run = await runSafely(seed, options.run)
    sum = addCampaigns(sum, campaignOf(workload, run))
    options.onRun?.(run, sum)
  }
  return { ...sum, neverReached: mustReach.filter((name) => (sum.sometimes[name] ?? 0) === 0) }
}

/** A seed that breaks the kit itself fails too, with its own line. */
async function runSafely<Kind extends string>(
  seed: number,
  run: (seed: number) => Promise<RunResult<Kind>>,
): Promise<RunResult<Kind>> {
  try {
    return await run(seed)
  } catch (error) {
    const violations = [
      `the run broke off: ${error instanceof Error ? error.stack : String(error)}`,
    ]
    const nothing = { hash: '', events: 0, virtualMs: 0, operations: 0, faults: {}, sometimes: {} }
    return { seed, ...nothing, violations }
  }
}

function emptyCampaign<Kind extends string = FaultKind>(
  workload: string,
  from: number,
): CampaignResult<Kind> {
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

function campaignOf<Kind extends string>(
  workload: string,
  run: RunResult<Kind>,
): CampaignResult<Kind> {
  const { seed, events, virtualMs, operations, faults, sometimes, violations } = run
  const failures = violations.length === 0 ? [] : [{ seed, violations }]
  const sums = { events, virtualMs, operations, faults, sometimes, failures }
  return { workload, from: seed, seeds: 1, ...sums, neverReached: [] }
}

/** Two campaigns of one workload as one. */
export function addCampaigns<Kind extends string>(
  one: CampaignResult<Kind>,
  other: CampaignResult<Kind>,
): CampaignResult<Kind> {
  return {
    workload: one.workload,
    from: one.from,
    seeds: one.seeds + other.seeds,
    events: one.events + other.events,
    virtualMs: one.virtualMs + other.virtualMs,
    operations: one.operations + other.operations,
    faults: addCounts(one.faults, other.faults),
    sometimes: addCounts(one.sometimes, other.sometimes),
    failures: [...one.failures, ...other.failures],
    neverReached: [],
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
