/** What every shard thread of a runtime is started with, whatever its number. */
import type { JournalFolder } from './journal/file/index.js'
import type { ResolvedOptions } from './options.js'
import type { ThreadStart } from './threads/thread-protocol.js'

export function threadOptions(
  options: ResolvedOptions,
  { manifest, plan }: JournalFolder,
): Omit<ThreadStart, 'thread' | 'threads' | 'plan'> {
  return {
    shards: manifest.shards,
    dataDir: plan.dataDir,
    settings: options.settings,
    keyRetentionMs: options.idempotencyRetentionMs,
    mailboxMessagesMax: options.mailboxMessages,
    keysMax: options.idempotencyKeysPerShard,
    nearCalls: options.nearCalls,
    snapshotJournalBytes: options.snapshotJournalBytes,
  }
}
