/** What the payment simulation uses of the simulation kit, in one place. */
export { checkLinearizable } from '../../runtime/simulation/linearizability.js'
export type {
  CommittedEvent,
  CommittedFrame,
  CommittedMessage,
  CommittedTurnView,
  EndView,
  Oracle,
  OracleFactory,
  OracleScope,
} from '../../runtime/simulation/oracle.js'
export type {
  Operation as Attempt,
  OperationRequest,
  OperationResult,
  Workload,
  WorkloadRun,
  WorkloadScope,
} from '../../runtime/simulation/workload.js'
export type { Operation, SequentialModel } from '../../runtime/simulation/linearizability.js'
export { Random } from '../../runtime/simulation/random.js'
export { shardOfHome } from '../../runtime/actor/address.js'
export { simulate } from '../../runtime/simulation/simulate.js'
