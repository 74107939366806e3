/**
 * What the gateway shows operators, as a port: the host of the gateway (a node, an embedding
 * process) says how it is. `runtimeOps` is the one for a single runtime.
 */
import type { BackupOptions, BackupReport, QuarantinedActor, Runtime } from '../../runtime/index.js'
import { auditMetrics, gauge, type AuditSource } from './metrics/audit-metrics.js'

/** A number for monitoring. Names are of the form `suanpan_thing_unit`. */
export interface OpsMetric {
  readonly name: string
  readonly help: string
  readonly type: 'gauge' | 'counter'
  readonly values: readonly {
    readonly labels?: Readonly<Record<string, string | number>>
    readonly value: number
  }[]
}

/** How long one reading of the metrics waits for shards to write what they show. */
const statusWaitMs = 1_000

/** How the host is, and what an operator may do about it. */
export interface OpsView {
  /** True when every owned shard serves; otherwise one sentence that says what is missing. */
  ready(): true | string | Promise<true | string>
  /** Read when `/metrics` is asked for. */
  metrics(): readonly OpsMetric[] | Promise<readonly OpsMetric[]>
  quarantined(): Promise<readonly QuarantinedActor[]>
  /** Lets a quarantined actor work again. @throws Fault quarantined, when it fails again */
  release(address: string): Promise<void>
  /**
   * Makes a backup, in a new folder of the host's machine. Absent: `backup_unsupported`.
   * @throws Fault backup_…, closed
   */
  backup?(target: string, options: BackupOptions): Promise<BackupReport>
}

/**
 * The view of one runtime.
 * @param audits the online auditor, whose newest audit is shown in the metrics. @default none is shown
 */
export function runtimeOps(
  runtime: Pick<Runtime, 'ready' | 'shardStatus' | 'quarantined' | 'release' | 'backup'>,
  audits?: AuditSource,
): OpsView {
  return {
    ready: async () =>
      (await runtime.ready()) || 'The runtime is not serving: it recovers, drains or has stopped.',
    metrics: async () => [
      ...(await shardMetrics(runtime)),
      quarantinedMetric(await runtime.quarantined()),
      ...(audits === undefined ? [] : auditMetrics(audits)),
    ],
    quarantined: () => runtime.quarantined(),
    release: (address) => runtime.release(address),
    backup: (target, options) => runtime.backup(target, options),
  }
}

/** How many actors are set aside. */
export function quarantinedMetric(actors: readonly QuarantinedActor[]): OpsMetric {
  const help = 'Actors set aside because they failed again and again; anything but 0 is an alarm.'
  return gauge('suanpan_quarantined_actors', help, actors.length)
}

/**
 * What the shards of a host do, one number a shard. One whose storage takes nothing is left out: all else is told
 * all the same.
 */
export async function shardMetrics(runtime: Pick<Runtime, 'shardStatus'>): Promise<OpsMetric[]> {
  const shards = await runtime.shardStatus({ tallies: false, waitMs: statusWaitMs })
  const metric = (
    name: string,
    help: string,
    type: OpsMetric['type'],
    value: (shard: (typeof shards)[number]) => number,
  ): OpsMetric => ({
    name,
    help,
    type,
    values: shards.map((shard) => ({ labels: { shard: shard.shard }, value: value(shard) })),
  })
  return [
    metric('suanpan_shard_ordinal', 'Turns in the journal.', 'counter', (s) => s.ordinal),
    metric('suanpan_shard_actors', 'Actors in memory.', 'gauge', (s) => s.actors),
    metric('suanpan_shard_stored_actors', 'Actors packed away.', 'gauge', (s) => s.storedActors),
    metric('suanpan_shard_idempotency_keys', 'Keys remembered.', 'gauge', (s) => s.idempotencyKeys),
    metric('suanpan_shard_outbox_messages', 'Messages owed.', 'gauge', (s) => s.outboxMessages),
    metric('suanpan_shard_mailbox_messages', 'Messages waiting.', 'gauge', (s) => s.mailbox),
    metric(
      'suanpan_shard_disagreements',
      'Things between shards found to disagree; anything but 0 is an alarm.',
      'gauge',
      (s) => s.disagreements.length,
    ),
  ]
}
