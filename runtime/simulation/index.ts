/** The simulation kit: `suanpan/testing`. Never loaded by production code. */
export { shardOfHome } from '../actor/address.js'
export { addCampaigns, runCampaign, runSeeds, runtimeBranches } from './campaign.js'
export { Clients } from './clients.js'
export { FaultCounts, faultKinds } from './faults.js'
export { Kernel } from './kernel.js'
export { checkLinearizable } from './linearizability.js'
export { SimulatedNatsService } from './nats/service.js'
export { calm, fairWeather, natsFaultKinds } from './nats/weather.js'
export { runtimeOracles } from './oracles/runtime-oracles.js'
export { SimulatedProcess } from './process.js'
export { Random } from './random.js'
export { simulate } from './simulate.js'
export { journalMessage } from './stream-history.js'
export { StreamJudge } from './stream-judge.js'
export { planOf } from './swarm.js'
export { registers } from './workloads/registers.js'

export type { CampaignOptions, CampaignResult } from './campaign.js'
export type { Asked } from './clients.js'
export type { FaultKind } from './faults.js'
export type { Operation as TimedOperation, SequentialModel } from './linearizability.js'
export type { EventHandle, Owner } from './kernel.js'
export type { CutDirection } from './nats/connection.js'
export type { NatsWorld } from './nats/service.js'
export type { NatsFaultKind, NatsWeather } from './nats/weather.js'
export type {
  CommittedEvent,
  CommittedFrame,
  CommittedMessage,
  CommittedTurnView,
  EndView,
  Oracle,
  OracleFactory,
  OracleScope,
  RecoveryView,
} from './oracle.js'
export type { RunResult, SimulateOptions } from './simulate.js'
export type { Plan } from './swarm.js'
export type {
  Operation,
  OperationRequest,
  OperationResult,
  Workload,
  WorkloadRun,
  WorkloadScope,
} from './workload.js'
