/** All scenarios, in the order of the documentation. */
import type { Scenario } from '../harness/scenario.js'
import { cluster } from './cluster.js'
import { embedded, limit } from './embedded.js'
import { failover } from './failover.js'
import { http } from './http.js'
import { journal } from './journal.js'
import { latency } from './latency.js'
import { memory } from './memory.js'
import { messages } from './messages.js'
import { peersScenario } from './peers.js'
import { recovery } from './recovery.js'
import { scaleOut } from './scale-out.js'
import { skew } from './skew.js'
import { smallbank } from './smallbank.js'
import { snapshot } from './snapshot.js'
import { startup } from './startup.js'

export const scenarios: readonly Scenario[] = [
  limit,
  embedded,
  latency,
  skew,
  smallbank,
  messages,
  recovery,
  memory,
  snapshot,
  http,
  journal,
  startup,
  peersScenario,
  cluster,
  failover,
  scaleOut,
]
