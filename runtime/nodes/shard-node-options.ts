/** What a node of a cluster runs with, and what it needs of its surroundings. */
import type { Address } from '../actor/address.js'
import type { ActorModule } from '../actor/define-actor.js'
import { limits } from '../limits.js'
import type { KeyTimeFormat } from '../messaging/key-time.js'
import type { FormatRange } from '../shard/formats.js'
import type { ShardStorages } from './shard-storage.js'

/** What a node runs with: the same on all nodes of a cluster. */
export interface ShardNodeOptions {
  readonly actors: ActorModule
  /** Shards of the cluster. */
  readonly shards: number
  /** Plain data every turn can read as `turn.settings`. */
  readonly settings: Readonly<Record<string, unknown>>
  /** Key of the hashes of idempotency keys, hex. */
  readonly secret: string
  readonly keyRetentionMs: number
  readonly keyTime: KeyTimeFormat
  readonly keysPerShardMax: number
  readonly mailboxMessages: number
  readonly requestTimeoutMs: number
  /** Journal bytes of a node after which its shards are snapshotted, each after its share. */
  readonly snapshotJournalBytes: number
  /** Formats this node reads; it writes the oldest until it is told another. @default all of this code */
  readonly formats?: FormatRange
}

/** Bounds of a node that was given none. */
export const nodeDefaults = {
  keyRetentionMs: limits.keyRetentionMsDefault,
  keysPerShardMax: limits.keysPerShardMax,
  mailboxMessages: limits.mailboxMessagesMax,
  requestTimeoutMs: limits.requestTimeoutMsDefault,
  snapshotJournalBytes: limits.snapshotJournalBytes,
} as const

/** What a node needs of its surroundings. What is sent to a place may get lost, be repeated or reordered. */
export interface ShardNodeLinks {
  readonly storages: ShardStorages
  /** The place of a shard that is not served here; undefined when nobody knows. */
  placeOf(shard: number): number | undefined
  /** True while this node is certain that what it owns it owns: its lease holds. */
  mayAnswer(): boolean
  /** Whether nothing that is asked here can be answered now. @default something always may */
  readonly isCutOff?: () => boolean
  requests(place: number, bytes: Uint8Array): void
  answers(place: number, bytes: Uint8Array): void
  peers(place: number, bytes: Uint8Array): void
  /** A shard is served here from now on. */
  opened(shard: number): void
  /** The journal of a shard has another owner, or failed; the shard is not served here any more. */
  shardLost(shard: number, error: unknown): void
  /** One of every so many requests, for whoever looks for hot actors. */
  sampled?(address: Address): void
  report(event: string, detail: Record<string, unknown>): void
  /** A rule of ours was broken: the process must end. */
  fail(error: unknown): void
}
