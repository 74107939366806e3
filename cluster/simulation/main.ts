/** The command `npm run simulate:cluster`: whole clusters on a NATS that fails. */
import { simulateCommand } from '../../actors/simulation/testing/index.js'
import { clusterWorkloads } from './workloads.js'

await simulateCommand({
  script: 'simulate:cluster',
  description: 'Simulates clusters under faults and judges what they did.',
  workloads: clusterWorkloads,
  hasLongLoads: false,
  // The same from the sources and from the build.
  results: new URL('../../../cluster/simulation/results.jsonl', import.meta.url),
  entry: new URL(import.meta.url),
})
