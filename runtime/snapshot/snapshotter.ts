/**
 * When and how the shards of a lane are snapshotted: one after the other, while they serve, when the
 * journal has grown enough; then the journal behind them goes.
 *
 * N5. The journal is kept from the older of the two kept snapshots of every shard.
 * N12. Increments follow a snapshot until they are as large together: so what is written stays bounded by
 *     what happened, whatever a shard holds, and a replay stays short.
 * N13. A round has until the journal has grown half as much as makes the next one due, and goes on evenly
 *     till then. One that lags writes several shards at once: most of its time it waits for the disk.
 */
import type { Env } from '../env/env.js'
import type { Lane } from '../shard/lane.js'
import type { Shard } from '../shard/shard.js'
import { Pace } from './pace.js'
import { Removals } from './removals.js'
import { cutState, mayFollow, type SnapshotMark, type StateCut } from './snapshot-blocks.js'
import type { SnapshotName, SnapshotStore } from './snapshot-store.js'

export interface SnapshotterOptions {
  readonly env: Pick<Env, 'clock' | 'timers'>
  readonly store: Pick<SnapshotStore, 'write' | 'prune'>
  readonly epoch: number
  /** Journal bytes after which the next round is due; asked every time. */
  readonly journalBytes: () => number
  /** Whether the round after a failed one tries again. @default false: a disk that failed is not trusted again */
  readonly triesAgain?: boolean
  report(event: string, detail: Record<string, unknown>): void
  fail(error: unknown): void
}

/** Increments that follow one snapshot: each is a file that a start opens. */
const incrementsMax = 64

/** Shards written at once, at ease and in haste (N13). */
const atOnce = { ease: 1, haste: 16 } as const
/** Full haste is where a round lags by its shards divided by this. */
const hasteGain = 2

/** So many rounds, about, share the whole snapshots of all shards. */
const wholesSpread = 8

/** Snapshots of a shard by this process that follow each other. */
interface Chain {
  readonly wholeBytes: number
  incrementBytes: number
  increments: number
  newest: SnapshotName
  mark: SnapshotMark
}

export class Snapshotter {
  /** Of snapshots, and of the journal behind them. */
  readonly removals = new Removals()
  private readonly lane: Lane
  private readonly options: SnapshotterOptions
  private bytesAtLastRound = 0
  /**
   * Bytes of whole snapshots of the last round that replaced no increments. The next round waits for as
   * much journal, so writing stays bounded.
   */
  private roundBytes = 0
  /** Shards of the round under way that are written. */
  private shardsWritten = 0
  private readonly pace: Pace
  private running: Promise<void> | undefined
  private stopping = false
  private broken = false
  private readonly chains = new Map<number, Chain>()
  /** Shards of which nothing could go when it was due (BK3). */
  private readonly unpruned = new Set<number>()
  /** By shard: replay never needs anything up to this ordinal. */
  private readonly covered = new Map<number, number>()

  constructor(lane: Lane, options: SnapshotterOptions) {
    this.lane = lane
    this.options = options
    this.pace = new Pace(options.env, () => this.haste())
  }

  /** Starts a round when one is due. */
  tick(): void {
    if (this.due >= 1) void this.snapshotAll()
  }

  /** True while a round is under way. */
  get active(): boolean {
    return this.running !== undefined
  }

  /** How far the journal has grown towards the next round: 1 or more when it is due; 0 while one is under way. */
  get due(): number {
    if (this.active || this.stopping) return 0
    const grown = this.lane.journal.bytesAppended - this.bytesAtLastRound
    return grown / Math.max(this.options.journalBytes(), this.roundBytes)
  }

  /** Snapshots every shard of the lane; joins a round that is under way. */
  snapshotAll(): Promise<void> {
    this.running ??= this.round().finally(() => {
      this.running = undefined
    })
    return this.running
  }

  /** Ends after the shard that is being written. */
  async stop(): Promise<void> {
    this.stopping = true
    await this.running
  }

  private async round(): Promise<void> {
    this.bytesAtLastRound = this.lane.journal.bytesAppended
    this.roundBytes = 0
    this.shardsWritten = 0
    if (this.options.triesAgain === true) this.broken = false
    const { clock } = this.options.env
    const writing = new Set<Promise<void>>()
    for (const shard of this.lane.shards) {
      if (this.ending) break
      const begunAt = clock.monotonic()
      const one = this.snapshot(shard).catch(this.failed)
      const written = one.finally(() => {
        writing.delete(written)
        this.shardsWritten++
      })
      writing.add(written)
      if (writing.size >= this.atOnce) await Promise.race(writing)
      await this.pace.restBetweenShards(begunAt)
    }
    await Promise.all(writing)
    // One that does nothing any more would hold the journal of all others for ever.
    for (const shard of this.unpruned) await this.prune(shard).catch(this.failed)
    if (this.ending) return
    await this.removals.run(() => this.lane.journal.truncate(this.covered)).catch(this.failed)
  }

  private readonly failed = (error: unknown): void => {
    this.broken = true
    this.options.fail(error)
  }

  private get ending(): boolean {
    return this.stopping || this.broken
  }

  private get atOnce(): number {
    return Math.round(atOnce.ease + (atOnce.haste - atOnce.ease) * this.haste())
  }

  private async snapshot(shard: Shard): Promise<void> {
    const { state } = shard
    const { store, epoch } = this.options
    const chain = this.chains.get(state.shard)
    const since = this.followed(shard)
    const cut = await this.lane.atFrameBoundary(shard, () => {
      if (state.ordinal === 0 || state.ordinal === chain?.newest.ordinal) return undefined
      // Looked at again: the shard went on until its frame was cut.
      return since !== undefined && mayFollow(state, since)
        ? cutIncrement(state, since)
        : cutWhole(state)
    })
    if (cut === undefined) return
    const counted = new Counted(this.pace.timed(cut.blocks))
    const contents = {
      ...{ ordinal: cut.ordinal, epoch, blocks: counted, pace: this.pace },
      ...(cut.isWhole || chain === undefined ? {} : { follows: chain.newest }),
    }
    const durable = (): Promise<void> => this.lane.whenDurable(state.shard, cut.ordinal)
    try {
      await store.write(state.shard, contents, durable)
    } catch (error) {
      // What is there now nobody knows: the next one is whole.
      this.chains.delete(state.shard)
      throw error
    } finally {
      cut.end()
    }
    this.wrote(state.shard, cut, counted.bytes)
    await this.prune(state.shard)
    this.options.report('snapshot', { shard: state.shard, ordinal: cut.ordinal })
  }

  /** Lets all go that the newest snapshots of a shard stand for. */
  private async prune(shard: number): Promise<void> {
    const kept = await this.removals.run(() => this.options.store.prune(shard))
    if (kept === undefined) {
      this.unpruned.add(shard)
      return
    }
    this.unpruned.delete(shard)
    if (kept.length > 1) this.covered.set(shard, kept[kept.length - 1]!.ordinal)
  }

  /** What an increment would follow; undefined when a whole snapshot is due (N12). */
  private followed({ state }: Shard): SnapshotMark | undefined {
    const chain = this.chains.get(state.shard)
    if (chain === undefined) return undefined
    // Not all shards at once: a round of whole snapshots alone would lag.
    const share = 1 + (state.shard % wholesSpread) / wholesSpread
    const due =
      chain.incrementBytes >= share * chain.wholeBytes || chain.increments >= incrementsMax
    return due ? undefined : chain.mark
  }

  private wrote(shard: number, cut: TakenCut, bytes: number): void {
    const { epoch } = this.options
    const newest = { ordinal: cut.ordinal, epoch }
    const chain = this.chains.get(shard)
    if (chain !== undefined && !cut.isWhole) {
      chain.incrementBytes += bytes
      chain.increments++
      Object.assign(chain, { newest, mark: cut.mark })
      return
    }
    // The increments before came to at least half of it. A process's first whole snapshot counts once.
    const paid = chain === undefined ? bytes : 2 * chain.incrementBytes
    this.roundBytes += Math.max(0, bytes - paid)
    this.chains.set(shard, {
      ...{ wholeBytes: bytes, incrementBytes: 0, increments: 0, newest, mark: cut.mark },
    })
  }

  /** How far the round under way lags behind the journal, from 0 to 1 (N13). */
  private haste(): number {
    if (this.stopping) return 1
    const grown = this.lane.journal.bytesAppended - this.bytesAtLastRound
    const done = this.shardsWritten / this.lane.shards.length
    const lag = (2 * grown) / this.options.journalBytes() - done
    return Math.max(0, Math.min(1, hasteGain * lag))
  }
}

interface TakenCut extends StateCut {
  readonly isWhole: boolean
}

function cutWhole(state: Shard['state']): TakenCut {
  return { ...cutState(state), isWhole: true }
}

function cutIncrement(state: Shard['state'], since: SnapshotMark): TakenCut {
  return { ...cutState(state, since), isWhole: false }
}

/** Blocks, and how many bytes they came to. */
class Counted implements Iterable<Uint8Array> {
  bytes = 0
  private readonly blocks: Iterable<Uint8Array>

  constructor(blocks: Iterable<Uint8Array>) {
    this.blocks = blocks
  }

  *[Symbol.iterator](): Generator<Uint8Array> {
    for (const block of this.blocks) {
      this.bytes += block.length
      yield block
    }
  }
}
