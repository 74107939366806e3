/** What a scenario is: its name, what it takes, and how it runs. */
import type { Integrity } from './integrity.js'
import type { Row } from './rounds.js'

/** What the user asked for; what is missing the scenario chooses. */
export interface BenchOptions {
  /** s of each measured round. */
  readonly duration?: number
  /** Operations per second, for open loops. */
  readonly rate?: number
  readonly accounts?: number
  /** Shard threads of the runtime. */
  readonly threads?: number
  /** Shards of the runtime, or of the cluster. */
  readonly shards?: number
  /** Zipf exponent. */
  readonly skew?: number
  readonly rounds?: number
  /** Operations at work at once, for closed loops. */
  readonly window?: number
  /** Folder below which each system gets its own. */
  readonly data?: string
  /** Called with what is being done. */
  readonly onProgress?: (sentence: string) => void
}

/** The options a scenario may take, beside --data. */
export const optionNames = [
  'duration',
  'rounds',
  'rate',
  'accounts',
  'threads',
  'shards',
  'skew',
  'window',
] as const
export type OptionName = (typeof optionNames)[number]

/** Everything chosen. */
export interface Plan {
  readonly seconds: number
  readonly warmUpSeconds: number
  readonly rounds: number
  readonly accounts: number
  readonly threads: number | undefined
  readonly shards: number | undefined
  readonly rate: number | undefined
  readonly skew: number | undefined
  readonly window: number
  /** A folder of this run, removed after it. */
  readonly folder: string
  readonly say: (sentence: string) => void
}

/** A figure of a scenario, for people: what, how much. */
export type Figure = readonly [what: string, value: string]

/** What a scenario measured. */
export interface Outcome {
  /** Row whose figures are the result's. */
  readonly headline: Row
  readonly rows: readonly Row[]
  readonly figures?: readonly Figure[]
  /** Numbers for programs, beside those of the rows. */
  readonly data?: Readonly<Record<string, unknown>>
  /** What is on disk against what was acknowledged, of the system named by the headline. */
  readonly integrity?: Integrity
  readonly remarks?: readonly string[]
  /** What an acknowledged operation survives. */
  readonly durability: string
  readonly threads: number
}

export interface Scenario {
  readonly name: string
  /** One line. */
  readonly summary: string
  readonly takes: readonly OptionName[]
  readonly defaults: {
    readonly seconds: number
    readonly rounds: number
    readonly accounts: number
    readonly window: number
  }
  run(plan: Plan): Promise<Outcome>
}

/** What an acknowledged payment of the runtime survives. */
export const syncedDurability = 'fdatasync before the answer'
