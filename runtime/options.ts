/**
 * Options of a runtime: units, defaults, checked once.
 */
import type { ActorModule } from './actor/define-actor.js'
import { OpenRefused } from './errors.js'
import { limits } from './limits.js'
import { keyTimeFormats, type KeyTimeFormat } from './messaging/key-time.js'

/** Options of {@link createRuntime}. */
export interface RuntimeOptions {
  /** Folder of journal and snapshots; made when it is missing. One runtime at a time owns it. */
  readonly dataDir: string
  /** The kinds to run. With a `module` they can run on worker threads. */
  readonly actors: ActorModule
  /**
   * Worker threads for shards; 0 runs them in the calling thread. May differ from run to run.
   * @default cores − 1, at least 1; 0 when `actors` has no module
   */
  readonly threads?: number
  /** Number of shards, fixed when the folder is made and checked afterwards. @default 32 */
  readonly shards?: number
  /** Plain data every turn can read as `turn.settings`. @default {} */
  readonly settings?: Readonly<Record<string, unknown>>
  /** ms of shard time an idempotency key is remembered. @default 24 h */
  readonly idempotencyRetentionMs?: number
  /**
   * Format of keys that carry their own time: one that may have been forgotten, by shard time, is refused. A minute
   * of the retention is kept for clocks that are ahead. @default 'none'
   */
  readonly idempotencyKeyTime?: KeyTimeFormat
  /** Keys a shard remembers; beyond it new keys are shed. @default 16,777,216 */
  readonly idempotencyKeysPerShard?: number
  /**
   * Lets a turn call into another shard of its own thread, with which it commits in one atomic group,
   * instead of sending to it (`turn.canCall`). @default true
   */
  readonly nearCalls?: boolean
  /** Waiting requests a shard accepts before it answers `overloaded`. @default 16,384 */
  readonly mailboxMessages?: number
  /** ms until a request without an answer rejects with `outcome_unknown`. @default 30,000 */
  readonly requestTimeoutMs?: number
  /** Journal bytes per thread after which snapshots are made. @default 32 MiB */
  readonly snapshotJournalBytes?: number
  /** Size of a journal segment in bytes. @default chosen by the journal */
  readonly segmentBytes?: number
  /** Takes the folder over from its owner even if that runs; it is fenced off, and stops. @default false */
  readonly takeOver?: boolean
  /**
   * Called when the runtime has stopped for good: disk failure, lost ownership, a broken rule.
   * @default prints one sentence and ends the process, because what memory holds can't be trusted
   */
  readonly onFailure?: (error: Error) => void
  /**
   * Called with what an operator should know: `actor_failed` with the `error` that a handler threw, which its caller
   * is not told, `quarantined`, `requests_lost`, `snapshot_damaged`, `snapshot` and others.
   * @default prints those four to stderr, the first with its stack; no more than 20 a second
   */
  readonly onReport?: (event: string, detail: Record<string, unknown>) => void
}

/** Options with every default filled in. */
export interface ResolvedOptions {
  readonly dataDir: string
  readonly actors: ActorModule
  readonly threads: number
  readonly shards: number | undefined
  readonly settings: Readonly<Record<string, unknown>>
  readonly idempotencyRetentionMs: number
  readonly idempotencyKeyTime: KeyTimeFormat
  readonly idempotencyKeysPerShard: number
  readonly nearCalls: boolean
  readonly mailboxMessages: number
  readonly requestTimeoutMs: number
  readonly snapshotJournalBytes: number
  readonly segmentBytes: number | undefined
  readonly takeOver: boolean
}

/** @throws OpenRefused invalid_options, with a sentence */
export function resolveOptions(options: RuntimeOptions, cores: number): ResolvedOptions {
  checkActors(options)
  const worker = options.actors.module !== undefined
  const threads = options.threads ?? (worker ? Math.max(1, cores - 1) : 0)
  if (threads > 0 && !worker) {
    throw new OpenRefused(
      'invalid_options',
      'Worker threads need actors with a module: give `actors` the URL of a module that exports them, or use threads: 0.',
    )
  }
  if (typeof options.dataDir !== 'string' || options.dataDir === '') {
    throw new OpenRefused('invalid_options', 'dataDir must name a folder.')
  }
  return {
    dataDir: options.dataDir,
    actors: options.actors,
    threads: whole('threads', threads, 0, 256),
    shards:
      options.shards === undefined
        ? undefined
        : whole('shards', options.shards, 1, limits.shardsMax),
    settings: settingsFor(options.actors, options.settings ?? {}),
    idempotencyRetentionMs: whole(
      'idempotencyRetentionMs',
      options.idempotencyRetentionMs ?? limits.keyRetentionMsDefault,
      1_000,
      Number.MAX_SAFE_INTEGER,
    ),
    idempotencyKeyTime: keyTimeFormat(options.idempotencyKeyTime ?? 'none'),
    idempotencyKeysPerShard: whole(
      'idempotencyKeysPerShard',
      options.idempotencyKeysPerShard ?? limits.keysPerShardMax,
      1,
      limits.keysPerShardMax,
    ),
    nearCalls: options.nearCalls ?? true,
    mailboxMessages: whole(
      'mailboxMessages',
      options.mailboxMessages ?? limits.mailboxMessagesMax,
      1,
      limits.mailboxMessagesMax * 16,
    ),
    requestTimeoutMs: whole(
      'requestTimeoutMs',
      options.requestTimeoutMs ?? limits.requestTimeoutMsDefault,
      1,
      86_400_000,
    ),
    snapshotJournalBytes: whole(
      'snapshotJournalBytes',
      options.snapshotJournalBytes ?? limits.snapshotJournalBytes,
      4_096,
      Number.MAX_SAFE_INTEGER,
    ),
    segmentBytes: options.segmentBytes,
    takeOver: options.takeOver ?? false,
  }
}

function settingsFor(
  actors: ActorModule,
  settings: ResolvedOptions['settings'],
): ResolvedOptions['settings'] {
  const wrong = actors.checkSettings?.(settings)
  if (wrong === undefined) return settings
  throw new OpenRefused('invalid_options', wrong)
}

/** Callers without types may leave out what everything else is asked of. */
function checkActors(options: unknown): void {
  const actors = fieldOf(options, 'actors')
  const definitions = fieldOf(actors, 'definitions')
  if (
    Array.isArray(definitions) &&
    definitions.every((one) => typeof fieldOf(one, 'kind') === 'string')
  )
    return
  throw new OpenRefused(
    'invalid_options',
    'actors must hold the kinds to run: { definitions: [...] }, each made with defineActor.',
  )
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Record<string, unknown>)[name]
    : undefined
}

function keyTimeFormat(format: unknown): KeyTimeFormat {
  const known = keyTimeFormats.find((one) => one === format)
  if (known !== undefined) return known
  throw new OpenRefused(
    'invalid_options',
    `idempotencyKeyTime must be one of ${keyTimeFormats.join(', ')}; it is ${String(format)}.`,
  )
}

function whole(name: string, value: number, min: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value
  throw new OpenRefused(
    'invalid_options',
    `${name} must be a whole number from ${min} to ${max}; it is ${String(value)}.`,
  )
}
