/** The campaign of clusters up to its first finding: both workloads, seed about seed. */
import { findFirst } from '../../../actors/simulation/testing/index.js'
import { clusterWorkloads } from '../workloads.js'

const { generic, payments } = clusterWorkloads

await findFirst((seed) => (seed % 2 === 0 ? generic : payments).run(seed))
