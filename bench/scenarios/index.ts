/** All scenarios, in the order of the documentation. */
import type { Scenario } from '../harness/scenario.js'
import { embedded, limit } from './embedded.js'
import { latency } from './latency.js'
import { skew } from './skew.js'
import { smallbank } from './smallbank.js'

export const scenarios: readonly Scenario[] = [limit, embedded, latency, skew, smallbank]
