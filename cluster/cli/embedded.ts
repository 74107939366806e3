/**
 * A runtime inside this process, as `start` and `replay` use it: opened on a data folder with the
 * payment domain, watched for its end, and its recovery told in words.
 */
import { createRuntime, type RecoveryReport, type Runtime } from '../../runtime/index.js'
import { payments, type Bank } from '../../actors/index.js'
import { count } from './output.js'

/** What both commands let the user choose. */
export interface EmbeddedOptions {
  readonly data: string
  readonly threads?: number
  readonly shards?: number
  readonly timeZone?: string
  readonly segmentBytes?: number
  readonly snapshotJournalBytes?: number
  readonly takeOver?: boolean
  /** Remembers idempotency keys for ever. @default false: for 24 hours of shard time */
  readonly keysForever?: boolean
  /** Called with what an operator should know. */
  readonly onReport?: (event: string, detail: Record<string, unknown>) => void
}

export interface Embedded {
  readonly runtime: Runtime
  readonly bank: Bank
  /** Rejects when the runtime has stopped for good; pending for ever otherwise. */
  readonly failed: Promise<never>
  readonly recovery: RecoverySummary
}

/** What opening the folder found. */
export interface RecoverySummary {
  readonly epoch: number
  readonly shards: number
  readonly threads: number
  readonly clean: boolean
  /** Ordinals in all journals together. */
  readonly ordinals: number
  readonly tornTails: RecoveryReport['tornTails']
  readonly seconds: number
}

/** @throws OpenRefused */
export async function openEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const startedAt = performance.now()
  let fail: (error: Error) => void = () => undefined
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  // Whoever waits for it sees it; nobody has to.
  failed.catch(() => undefined)
  const runtime = await createRuntime({
    dataDir: options.data,
    actors: payments.actors,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    ...(options.shards === undefined ? {} : { shards: options.shards }),
    ...(options.timeZone === undefined ? {} : { settings: { timeZone: options.timeZone } }),
    ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
    ...(options.snapshotJournalBytes === undefined
      ? {}
      : { snapshotJournalBytes: options.snapshotJournalBytes }),
    takeOver: options.takeOver ?? false,
    ...(options.keysForever === true ? { idempotencyRetentionMs: Number.MAX_SAFE_INTEGER } : {}),
    ...(options.onReport === undefined ? {} : { onReport: options.onReport }),
    onFailure: (error) => {
      fail(error)
    },
  })
  const statuses = await runtime.shardStatus({ tallies: false })
  const { clean, tornTails } = runtime.recovery
  const recovery = {
    epoch: runtime.epoch,
    shards: runtime.shards,
    threads: runtime.threads,
    clean,
    ordinals: statuses.reduce((sum, { ordinal }) => sum + ordinal, 0),
    tornTails,
    seconds: (performance.now() - startedAt) / 1000,
  }
  return { runtime, bank: payments.client(runtime), failed, recovery }
}

/** Recovery in words. */
export function recoveryWords(data: string, recovery: RecoverySummary): string {
  const { clean, ordinals, tornTails, epoch, seconds } = recovery
  const kept = `${count(ordinals)} ordinals in ${recovery.shards} shards`
  const time = `${seconds.toFixed(2)} s`
  if (epoch === 1) return `Data folder ${data}: new, ${recovery.shards} shards.`
  if (clean) return `Data folder ${data}: closed cleanly, ${kept}, open after ${time}.`
  const first = `Data folder ${data}: not closed cleanly, recovered ${kept} in ${time}.`
  if (tornTails.length === 0) return `${first} Nothing was torn, nothing is lost.`
  const dropped = tornTails.map(
    ({ file, offset, kept: lane }) =>
      `  Dropped a torn tail: ${file} from offset ${offset}; its ${Object.keys(lane).length} shards keep all ${count(Object.values(lane).reduce((sum, one) => sum + one, 0))} ordinals before it.`,
  )
  return [first, ...dropped, '  Nothing in a torn tail was ever acknowledged.'].join('\n')
}
