/** What a node of a cluster is started with, and the defaults. */
import type {
  ActorModule,
  FormatRange,
  JetStreamStorageOptions,
  KeyTimeFormat,
  OpenedStream,
  ShardNodeOptions,
  ShardStatus,
} from '../../runtime/index.js'
import { formatsRead, ShardNode } from '../../runtime/index.js'
import type { KeyBucket, Nats } from '../../transport/index.js'
import type { SettingChange } from '../configuration/configuration.js'
import type { LeaseSettings } from '../membership/settings.js'
import type { TurnSettings } from './turn-settings.js'
import type { ClusterFacts } from './identity.js'
import { knownJournals } from './known-journals.js'
import type { ProcessVitals } from './vitals.js'

const { defaults } = ShardNode

export interface ClusterNodeOptions {
  /** Name of the cluster: nodes of one name are one. */
  readonly cluster: string
  /** Name of this node, the same in every life. */
  readonly name: string
  /** Connection for payments and journals. */
  readonly nats: Nats
  /** Connection for leases and the map, so that they never queue behind payments. */
  readonly control: Nats
  /** Copies of every stream, where this node founds the cluster: what its bucket has then holds for all. */
  readonly replicas: number
  readonly actors: ActorModule
  /** Shards of a new cluster; checked against an old one. */
  readonly shards?: number
  /** What turns read as `turn.settings`: the same on all nodes. @default what the cluster has */
  readonly settings?: TurnSettings
  /** ms of shard time an idempotency key is remembered. @default 24 h */
  readonly idempotencyRetentionMs?: number
  /** Format of keys that carry their own time. @default 'none' */
  readonly idempotencyKeyTime?: KeyTimeFormat
  /** Waiting requests a shard accepts before it answers `overloaded`. @default 16,384 */
  readonly mailboxMessages?: number
  /** ms until a request without an answer rejects with `outcome_unknown`. @default 30,000 */
  readonly requestTimeoutMs?: number
  /** Journal bytes of a node after which its shards are snapshotted, each after its share. @default 32 MiB */
  readonly snapshotJournalBytes?: number
  /** Bytes of a snapshot in one message: less than the servers' `max_payload`. @default 512 KiB */
  readonly snapshotChunkBytes?: number
  /** Formats this program reads and can write. @default all it knows; others only to try upgrades */
  readonly formats?: FormatRange
  readonly lease?: Partial<LeaseSettings>
  /** Told the id of each life of this node, so that whoever sees the process end can name the dead. */
  readonly lifeBegins?: (id: string) => void
  /** What the process uses, for {@link ClusterNode.vitals}. */
  readonly processVitals?: () => ProcessVitals
  /** Money on its way in these shards, by currency. */
  readonly transitOf?: (statuses: readonly ShardStatus[]) => Readonly<Record<string, string>>
  /**
   * Told of each stream that was opened, and how many copies it has. What it throws refuses the node:
   * it does not join, or {@link fail}s when it has joined already.
   */
  readonly opened?: (stream: OpenedStream) => void
  /** Told how long each answered request of a client here took, ms. */
  readonly answered?: (ms: number) => void
  readonly report: (event: string, detail: Record<string, unknown>) => void
  /** A rule of ours was broken: the process must end. */
  readonly fail: (error: unknown) => void
}

/** What the shards of a node run with. */
export function nodeOptionsOf(options: ClusterNodeOptions, facts: ClusterFacts): ShardNodeOptions {
  return {
    actors: options.actors,
    shards: facts.shards,
    secret: facts.secret,
    settings: facts.settings,
    keyRetentionMs: options.idempotencyRetentionMs ?? defaults.keyRetentionMs,
    keyTime: options.idempotencyKeyTime ?? 'none',
    keysPerShardMax: defaults.keysPerShardMax,
    mailboxMessages: options.mailboxMessages ?? defaults.mailboxMessages,
    requestTimeoutMs: options.requestTimeoutMs ?? defaults.requestTimeoutMs,
    snapshotJournalBytes: options.snapshotJournalBytes ?? defaults.snapshotJournalBytes,
    ...(options.formats === undefined ? {} : { formats: options.formats }),
  }
}

/** What a change of a setting does to bounds. @param usual what a setting that was put back is */
export function boundsAfter(
  { name, value }: Pick<SettingChange, 'name' | 'value'>,
  usual: ShardNodeOptions,
): Partial<Pick<ShardNodeOptions, 'mailboxMessages' | 'snapshotJournalBytes'>> {
  const number = typeof value === 'number' ? value : undefined
  switch (name) {
    case 'requests.mailbox_max':
      return { mailboxMessages: number ?? usual.mailboxMessages }
    case 'snapshot.journal_bytes':
      return { snapshotJournalBytes: number ?? usual.snapshotJournalBytes }
    default:
      return {}
  }
}

/** The formats a node reads and can write. */
export function formatsOf({ formats }: ClusterNodeOptions): FormatRange {
  return formats ?? formatsRead
}

/** How a node of this cluster keeps its shards. @param bucket of the cluster: every stream has as many copies */
export function storageOptionsOf(
  options: ClusterNodeOptions,
  bucket: KeyBucket,
  { journalsNoted }: ClusterFacts,
): JetStreamStorageOptions {
  return {
    ...options,
    owner: options.name,
    replicas: bucket.replicas,
    journals: knownJournals(bucket, journalsNoted === true),
    opened: openedLater(options),
  }
}

/** Who has joined already ends by what it would not have joined with. */
function openedLater({ opened, fail }: ClusterNodeOptions): (stream: OpenedStream) => void {
  return (stream) => {
    try {
      opened?.(stream)
    } catch (error) {
      fail(error)
    }
  }
}
