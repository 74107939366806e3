/** What can be simulated on a cluster, by name, and what a campaign of it must reach. */
import { paymentOracles, paymentWorkload } from '../../actors/simulation/index.js'
import type { SimulatedWorkload } from '../../actors/simulation/testing/index.js'
import { registers, type OracleFactory, type Workload } from '../../runtime/simulation/index.js'
import { clusterBranches } from './branches.js'
import {
  simulateCluster,
  type ClusterRunResult,
  type SimulateClusterOptions,
} from './simulate-cluster.js'

export type ClusterRunOptions = Pick<SimulateClusterOptions, 'onLine' | 'plan'>

/** A workload of a cluster; loads have one length. */
export interface ClusterWorkload extends SimulatedWorkload {
  run(seed: number, options?: ClusterRunOptions): Promise<ClusterRunResult>
}

function simulated(workload: Workload, oracles: readonly OracleFactory[]): ClusterWorkload {
  return {
    mustReach: [...clusterBranches, ...oracles.flatMap(({ sometimes }) => sometimes ?? [])],
    run: (seed, { onLine, plan } = {}) =>
      simulateCluster({
        ...{ seed, workload, oracles },
        ...(onLine === undefined ? {} : { onLine }),
        ...(plan === undefined ? {} : { plan }),
      }),
  }
}

export const clusterWorkloads = {
  generic: simulated(registers, registers.oracles),
  payments: simulated(paymentWorkload, [paymentOracles]),
} as const satisfies Record<string, ClusterWorkload>
