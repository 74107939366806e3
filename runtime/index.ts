/** The public face of the runtime: `suanpan`. */
export { actorClient } from './actor/actor-client.js'
export { addressOf, keyOf, kindOf, shardOfHome } from './actor/address.js'
export { defineActor } from './actor/define-actor.js'
export { isRefusal, refusal } from './actor/refusal.js'
export { isParked, isRemembered, isUnbound } from './actor/turn.js'
export { assert, assertNever } from './assert.js'
export { backupDataFolder, type FolderBackupOptions } from './backup/backup-folder.js'
export { nodeEnv } from './env/node-env.js'
export {
  Fault,
  InvariantViolated,
  OpenRefused,
  Refused,
  runtimeCodes,
  SuanpanError,
} from './errors.js'
export { inspectDataFolder } from './inspect.js'
export { isWellFormed } from '../transport/index.js'
export { durabilityFindings } from './journal/jetstream/index.js'
export {
  JetStreamStorages,
  type JetStreamStorageOptions,
  type KnownJournals,
} from './nodes/jetstream-storage.js'
export { here, sampleEvery, ShardNode } from './nodes/shard-node.js'
export { releaseBy } from './release.js'
export { createRuntime } from './runtime.js'
export { clockOff } from './shard/clock-guard.js'
export { checkFormat, FormatUnread, formatsRead } from './shard/formats.js'

export type { Address, Protocol } from './actor/address.js'
export type {
  ActorClient,
  Answered,
  CommandOptions,
  QuarantinedActor,
  RuntimeClient,
  ShardStatus,
  SilentPair,
} from './actor/client.js'
export type {
  ActorDefinition,
  ActorModule,
  Answer,
  Change,
  ProtocolOf,
  TallyDefinition,
} from './actor/define-actor.js'
export type { DirectCommand, DirectPlan, DirectTurn } from './actor/direct.js'
export type { Outcome, Refusal } from './actor/refusal.js'
export type {
  EventData,
  Events,
  HistoryOptions,
  HistoryRow,
  Parked,
  QueryView,
  Remembered,
  SendAnswer,
  SendOptions,
  ShardView,
  TimerId,
  Turn,
} from './actor/turn.js'
export type { BackupOptions, BackupReport } from './backup/backups.js'
export type { BackupProgress } from './backup/folder-copy.js'
export type { Clock, Env, TimerHandle } from './env/env.js'
export type { OpenRefusedCode, OutcomeKnown, RuntimeCode } from './errors.js'
export type { FolderCounts, InspectedFolder, InspectOptions } from './inspect.js'
export type { RecoveryReport } from './journal/journal.js'
export type { DurabilityFinding, OpenedStream } from './journal/jetstream/index.js'
export type { KeyTimeFormat } from './messaging/key-time.js'
export type { ShardNodeLinks, ShardNodeOptions } from './nodes/shard-node-options.js'
export type { RuntimeOptions } from './options.js'
export type { Runtime } from './runtime-interface.js'
export type { FormatRange } from './shard/formats.js'
