/**
 * When and how the shards of a lane are snapshotted: one after the other, while they serve, when the
 * journal has grown enough; then the journal behind them goes.
 *
 * N5. The journal is kept from the older of the two kept snapshots of every shard.
 * N6. The work a snapshot does between two I/O calls is small, so no shard stalls.
 */
import type { Lane } from '../shard/lane.js'
import type { Shard } from '../shard/shard.js'
import type { SnapshotStore } from './snapshot-store.js'
import { snapshotBlocks } from './snapshot-blocks.js'

export interface SnapshotterOptions {
  readonly store: Pick<SnapshotStore, 'write' | 'prune'>
  readonly epoch: number
  /** Journal bytes after which the next round is due; asked every time. */
  readonly journalBytes: () => number
  report(event: string, detail: Record<string, unknown>): void
  fail(error: unknown): void
}

export class Snapshotter {
  private readonly lane: Lane
  private readonly options: SnapshotterOptions
  private bytesAtLastRound = 0
  /** Bytes of the last round's snapshots: the next waits for as much journal, so writing stays bounded. */
  private roundBytes = 0
  private running: Promise<void> | undefined
  private stopping = false
  /** By shard: ordinal of its newest snapshot of this process. */
  private readonly newest = new Map<number, number>()
  /** By shard: replay never needs anything up to this ordinal. */
  private readonly covered = new Map<number, number>()

  constructor(lane: Lane, options: SnapshotterOptions) {
    this.lane = lane
    this.options = options
  }

  /** Starts a round when one is due. */
  tick(): void {
    if (this.running !== undefined || this.stopping) return
    const grown = this.lane.journal.bytesAppended - this.bytesAtLastRound
    if (grown < Math.max(this.options.journalBytes(), this.roundBytes)) return
    void this.snapshotAll()
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
    try {
      for (const shard of this.lane.shards) {
        if (this.stopping) return
        await this.snapshot(shard)
      }
      await this.lane.journal.truncate(this.covered)
    } catch (error) {
      this.options.fail(error)
    }
  }

  private async snapshot(shard: Shard): Promise<void> {
    const { state } = shard
    const { store, epoch } = this.options
    const cut = await this.lane.atFrameBoundary(shard, () => ({
      ordinal: state.ordinal,
      blocks: this.counted(snapshotBlocks(state)),
    }))
    if (cut === undefined || cut.ordinal === 0 || cut.ordinal === this.newest.get(state.shard))
      return
    await store.write(state.shard, { ...cut, epoch }, () =>
      this.lane.whenDurable(state.shard, cut.ordinal),
    )
    this.newest.set(state.shard, cut.ordinal)
    const kept = await store.prune(state.shard)
    if (kept.length > 1) this.covered.set(state.shard, kept[kept.length - 1]!.ordinal)
    this.options.report('snapshot', { shard: state.shard, ordinal: cut.ordinal })
  }

  private *counted(blocks: Iterable<Uint8Array>): Generator<Uint8Array> {
    for (const block of blocks) {
      this.roundBytes += block.length
      yield block
    }
  }
}
