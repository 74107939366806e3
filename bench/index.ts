/** The public face of the benchmark harness: `suanpan/bench`. */
import { BenchUsage } from './harness/bench-failed.js'
import { runScenario, type BenchResult } from './harness/run-bench.js'
import type { BenchOptions } from './harness/scenario.js'
import { scenarios } from './scenarios/index.js'

export { BenchFailed, BenchUsage } from './harness/bench-failed.js'
export { htmlReport } from './report/html.js'
export { textReport } from './report/text.js'
export { scenarios }

export type { Integrity } from './harness/integrity.js'
export type { LatencySummary } from './harness/latencies.js'
export type { Machine } from './harness/machine.js'
export type { Row, Usage } from './harness/rounds.js'
export type { BenchResult } from './harness/run-bench.js'
export type { BenchOptions, Figure, OptionName, Scenario } from './harness/scenario.js'

/**
 * Runs a scenario by its name; takes minutes, and both cores.
 * @throws BenchUsage for an unknown name or an option it can't take
 * @throws BenchFailed when a system could not be measured
 */
export async function runBench(name: string, options: BenchOptions = {}): Promise<BenchResult> {
  const scenario = scenarios.find((one) => one.name === name)
  if (scenario === undefined) {
    const known = scenarios.map((one) => one.name).join(', ')
    throw new BenchUsage(`There is no scenario ${name}; there are ${known}.`)
  }
  return runScenario(scenario, options)
}
