import type { BenchResult } from '../harness/run-bench.js'
/** Placeholder. */
export function htmlReport(result: BenchResult): string {
  return result.scenario
}
