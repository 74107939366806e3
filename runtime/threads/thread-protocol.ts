/**
 * What the main thread and a shard thread tell each other, both directions, as plain data. Payments
 * do not travel here but in batches over links.
 */
import type { MessagePort } from 'node:worker_threads'
import type { Address } from '../actor/address.js'
import type { FolderPlan, LanePlace } from '../journal/file/index.js'

/** All a shard thread is started with. */
export interface ThreadStart {
  readonly thread: number
  readonly threads: number
  readonly shards: number
  readonly dataDir: string
  readonly plan: FolderPlan
  readonly settings: Readonly<Record<string, unknown>>
  readonly keyRetentionMs: number
  readonly mailboxMessagesMax: number
  readonly keysMax: number
  readonly nearCalls: boolean
  readonly snapshotJournalBytes: number
}

/** What a shard thread of its own begins with. */
export interface WorkerData {
  /** Module that exports the actors as `actors`. */
  readonly module: string
}

/** What it is told then, once: with ports to the client and to each other thread. */
export interface WorkerStart extends ThreadStart {
  readonly clientPort: MessagePort
  /** Threads it starts to help it to recover. */
  readonly helpers: number
  /** By thread number; none for the thread itself. */
  readonly peerPorts: readonly (MessagePort | undefined)[]
}

/** Which shards' status is asked for, with their tallies or without; absent: all, with them. */
export interface StatusOrder {
  readonly shards?: readonly number[]
  readonly tallies?: boolean
  /** Leaves shards out that write for longer. @default waits until they have written */
  readonly waitMs?: number
}

/** Orders to a shard thread; each is answered by a `done` of the same number. */
export type Order =
  /** How far its shards got with all others: before they greet each other. */
  | { readonly type: 'pairEnds' }
  /** All shards fit, and the epoch counts: from here on it may write. Before it has only read. */
  | { readonly type: 'openLane' }
  | { readonly type: 'greet' }
  | { readonly type: 'serve' }
  | ({ readonly type: 'status' } & StatusOrder)
  | { readonly type: 'quarantined' }
  | { readonly type: 'release'; readonly shard: number; readonly address: Address }
  | { readonly type: 'comparePairs' }
  | { readonly type: 'silentPairs' }
  | { readonly type: 'snapshot' }
  /** Nothing that is on the disk goes, from its answer until it is told otherwise. */
  | { readonly type: 'holdRemovals' }
  | { readonly type: 'resumeRemovals' }
  /** Begins no group, from its answer, a {@link HeldLane}, until it is told otherwise, or for a bounded time. */
  | { readonly type: 'holdLane' }
  /** Answered with the ms it was held; with undefined when it has gone on by itself before. */
  | { readonly type: 'resumeLane' }
  /** Stops, makes everything durable and seals the journal. */
  | { readonly type: 'seal' }

/** To a shard thread. */
export interface NumberedOrder {
  readonly number: number
  readonly order: Order
}

/** Up to where a lane is durable that was held. */
export interface HeldLane extends LanePlace {
  /** Last ordinals of its shards together. */
  readonly ordinals: number
}

/** An error as data: across threads `code` is identity. */
export interface ThreadError {
  readonly code: string
  readonly message: string
  readonly stack?: string
  readonly place?: { readonly file: string; readonly offset: number }
  /** What an error of the operating system says of itself. */
  readonly system?: SystemFacts
}

/** Fields of an error of the operating system, as Node names them. */
export interface SystemFacts {
  readonly code: string
  readonly syscall?: string
  readonly path?: string
}

/** From a shard thread. */
export type Notice =
  /** The shards are recovered. */
  | { readonly type: 'opened' }
  | { readonly type: 'openFailed'; readonly error: ThreadError }
  | { readonly type: 'done'; readonly number: number; readonly value: unknown }
  | { readonly type: 'refused'; readonly number: number; readonly error: ThreadError }
  /** The journal failed or a rule was broken: the thread serves nothing any more. */
  | { readonly type: 'failed'; readonly error: ThreadError }
  | { readonly type: 'report'; readonly event: string; readonly detail: Record<string, unknown> }
