/** The command `npm run simulate`: runtimes on disks that fail. */
import {
  registers,
  runtimeBranches,
  simulate,
  type OracleFactory,
  type Workload,
} from '../../runtime/simulation/index.js'
import { paymentOracles } from './judge.js'
import { simulateCommand, type SimulatedWorkload } from './testing/simulate-command.js'
import { paymentWorkload } from './workload.js'

function simulated(
  workload: Workload,
  oracles: readonly OracleFactory[],
  branches: readonly string[],
): SimulatedWorkload {
  return {
    mustReach: [...branches, ...oracles.flatMap(({ sometimes }) => sometimes ?? [])],
    run: (seed, options) => simulate({ seed, workload, oracles, ...options }),
  }
}

await simulateCommand({
  script: 'simulate',
  description: 'Simulates runtimes under faults and judges what they did.',
  workloads: {
    generic: simulated(registers, registers.oracles, runtimeBranches),
    payments: simulated(paymentWorkload, [paymentOracles], []),
  },
  hasLongLoads: true,
  results: new URL('../../../runtime/simulation/results.jsonl', import.meta.url),
  entry: new URL(import.meta.url),
})
