/**
 * A watch of a bucket for users who may make no consumer: it asks for the next change, again and again.
 *
 * Operators and observers are such users (S3 in `permissions.ts`). They watch settings, where half a
 * second more is nothing.
 *
 * C15. As C10: the newest change of every key first, then every change once, in the order of revisions.
 */
import type { JetStreamApi, StoredMessage } from './jetstream-api.js'

export interface KeyReadsOptions {
  readonly stream: string
  readonly filter: string
  onMessage(message: StoredMessage): void
  /** A look failed while there was a connection; the next one goes on from there. */
  onTrouble(error: Error): void
  /** A look was done. */
  onLook(): void
}

/** ms between two looks. */
const lookMs = 500

/** @param told revision up to which everything was told @returns a function that stops it */
export function readKeys(api: JetStreamApi, options: KeyReadsOptions, told: number): () => void {
  const watch = { stopped: false, told, timer: undefined as NodeJS.Timeout | undefined }
  const look = async (): Promise<void> => {
    try {
      const changes = await changesAfter(api, options, watch.told)
      for (const change of watch.told === 0 ? newestOf(changes) : changes) {
        if (watch.stopped) return
        options.onMessage(change)
      }
      watch.told = changes.at(-1)?.sequence ?? watch.told
      options.onLook()
    } catch (error) {
      // The servers are away, or between two leaders: the next look goes on from here.
      if (!watch.stopped && api.connection.connected) options.onTrouble(error as Error)
    }
    if (watch.stopped) return
    watch.timer = setTimeout(() => void look(), lookMs)
    watch.timer.unref()
  }
  void look()
  return () => {
    watch.stopped = true
    clearTimeout(watch.timer)
  }
}

async function changesAfter(
  api: JetStreamApi,
  { stream, filter }: KeyReadsOptions,
  told: number,
): Promise<StoredMessage[]> {
  const changes: StoredMessage[] = []
  for (let sequence = told + 1; ;) {
    const change = await api.message(stream, { seq: sequence, next_by_subj: filter })
    if (change === undefined) return changes
    changes.push(change)
    sequence = change.sequence + 1
  }
}

function newestOf(changes: readonly StoredMessage[]): StoredMessage[] {
  const newest = new Map(changes.map((change) => [change.subject, change]))
  return changes.filter((change) => newest.get(change.subject) === change)
}
