/**
 * The way of a shard's state from its streams into a node: read ahead while another node still serves the
 * shard, or read when the shard is this node's.
 */
import { NatsUnreachable, type NextPiece } from '../../transport/index.js'
import type { Env } from '../env/env.js'
import { Fault } from '../errors.js'
import { limits } from '../limits.js'
import type { SnapshotStore } from '../snapshot/snapshot-store.js'
import { restoreNewest } from '../snapshot/restore-newest.js'
import type { ShardState } from '../shard/shard-state.js'
import { ReadingTurns } from './reading-turns.js'
import type { OwnedJournal, ShardStorage } from './shard-storage.js'

/** Turns that are read in no time, and how often what came meanwhile is read before that is left to the opening. */
const shortTail = 100
const roundsMax = 8

/** What this needs of the node it reads for. */
export interface ShardReadingLinks {
  storageOf(shard: number): Promise<ShardStorage>
  empty(shard: number): ShardState
  /** Whether this node may fence a journal now (SN5). */
  mayAnswer(): boolean
  report(event: string, detail: Record<string, unknown>): void
}

/** A shard as it was read, with its journal taken over. */
export interface OpenedShard {
  readonly state: ShardState
  readonly journal: OwnedJournal
  readonly snapshots: SnapshotStore
  /** ms for snapshots, and for the journal behind them. */
  readonly took: { readonly restoreMs: number; readonly journalMs: number }
}

export class ShardReading {
  private readonly env: Env
  private readonly links: ShardReadingLinks
  private readonly turns: ReadingTurns
  /** States read ahead of their hand-over, by shard. */
  private readonly prepared = new Map<number, ShardState>()
  /** Monotonic ms since when each shard that is to be served here is being opened. */
  private readonly openings = new Map<number, number>()
  /** Monotonic ms at which a piece of any stream was read last. */
  private pieceAt = -Infinity
  /** How often what was read ahead of a shard was forgotten: a reading begun before that is not wanted. */
  private readonly forgotten = new Map<number, number>()

  constructor(env: Env, links: ShardReadingLinks) {
    this.env = env
    this.links = links
    this.turns = new ReadingTurns(env)
  }

  /** Reads a shard ahead. @throws OpenRefused, NatsUnreachable when it was forgotten while NATS was waited for */
  async prepare(shard: number): Promise<void> {
    const times = this.forgotten.get(shard)
    const wanted = (): boolean => this.forgotten.get(shard) === times
    const storage = await this.links.storageOf(shard)
    const read = this.turns.take(false, async (nextPiece) => {
      const state = this.prepared.get(shard) ?? (await this.restore(shard, storage, nextPiece))
      // If a reading fails, e.g. because the journal was cut meanwhile, the next try starts anew.
      this.prepared.delete(shard)
      // What came meanwhile would be read while nobody serves the shard.
      for (let rounds = 0, before = -Infinity; rounds < roundsMax; rounds++) {
        if (state.ordinal - before <= shortTail) break
        before = state.ordinal
        await storage.read(state, wanted, nextPiece)
      }
      return state
    })
    this.prepared.set(shard, await read)
  }

  /** What who asks for a shard that is not served here is told: also whether that lasts, for its opening gets no further. */
  notServed(shard: number): Fault {
    const since = Math.max(this.openings.get(shard) ?? Infinity, this.pieceAt)
    const lasting = this.env.clock.monotonic() - since > limits.openingLastsMs
    const sentence = lasting ? waits(shard) : notHere(shard)
    return new Fault('not_ready', sentence, { lasting })
  }

  /** A shard is not to be served here any more. */
  dropped(shard: number): void {
    this.openings.delete(shard)
  }

  /** Forgets what was read ahead; a reading that is under way waits for NATS no more. */
  forget(shard: number): void {
    this.forgotten.set(shard, (this.forgotten.get(shard) ?? 0) + 1)
    this.prepared.delete(shard)
  }

  /**
   * Takes a shard's journal over, and reads what is not read yet.
   * @throws as {@link ShardStorage.open}; Fault fenced when the shard is not wanted any more, not_ready when this node
   *   may not serve it now
   */
  async open(shard: number, wanted: () => boolean): Promise<OpenedShard> {
    // Also one that failed, and is tried again, goes on from when it was wanted first.
    if (!this.openings.has(shard)) this.openings.set(shard, this.env.clock.monotonic())
    try {
      const opened = await this.openInTurn(shard, wanted)
      this.dropped(shard)
      return opened
    } catch (error) {
      if (!wanted()) this.dropped(shard)
      throw error
    }
  }

  private openInTurn(shard: number, wanted: () => boolean): Promise<OpenedShard> {
    return this.turns.take(true, async (next) => {
      const { clock } = this.env
      const nextPiece = async (): Promise<void> => {
        await next()
        this.pieceAt = clock.monotonic()
      }
      const begun = clock.monotonic()
      const storage = await this.links.storageOf(shard)
      const state = this.prepared.get(shard) ?? (await this.restore(shard, storage, nextPiece))
      this.prepared.delete(shard)
      const restored = clock.monotonic()
      const mayFence = (): boolean => wanted() && this.links.mayAnswer()
      const journal = await storage.open(state, mayFence, nextPiece).catch((error: unknown) => {
        throw this.whyNot(shard, wanted, error)
      })
      const took = {
        restoreMs: Math.round(restored - begun),
        journalMs: Math.round(clock.monotonic() - restored),
      }
      return { state, journal, snapshots: storage.snapshots, took }
    })
  }

  /** NATS is waited for as long as the shard may be served here; who gives up says why that is over. */
  private whyNot(shard: number, wanted: () => boolean, error: unknown): unknown {
    if (!(error instanceof NatsUnreachable)) return error
    if (!wanted()) return goesElsewhere(shard, error)
    if (this.links.mayAnswer()) return error
    const sentence = `Shard ${shard} waits for this node to hold its lease again.`
    return new Fault('not_ready', sentence, { cause: error })
  }

  private restore(
    shard: number,
    { snapshots }: ShardStorage,
    nextPiece: NextPiece,
  ): Promise<ShardState> {
    const damaged = (_: unknown, snapshot: string, why: string): void =>
      this.links.report('snapshot_damaged', { shard, snapshot, why })
    return restoreNewest(snapshots, shard, () => this.links.empty(shard), damaged, nextPiece)
  }
}

export function notHere(shard: number): string {
  return `Shard ${shard} is not served here; ask again shortly, with the same idempotency key.`
}

function waits(shard: number): string {
  return `Shard ${shard} waits for its streams: they have no leader, or take nothing. Ask again when that is over, with the same idempotency key.`
}

export function goesElsewhere(shard: number, cause?: unknown): Fault {
  return new Fault('fenced', `Shard ${shard} goes to another node.`, { cause })
}
