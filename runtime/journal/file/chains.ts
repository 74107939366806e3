/**
 * The two chains that leave no place for a silent gap: each shard's frames name the frame before them,
 * each lane's groups the group before.
 *
 * H1. A shard's ordinals are dense and each frame carries the CRC of the one before, over lanes and
 *     epochs, so thread counts may change.
 * H2. Frames up to a shard's *base* are behind its snapshots: some may be gone, so they are not chained.
 */
import { lastOrdinalOf, type ChainedFrame } from '../frame.js'
import { damage } from './damage.js'

/** The newest frame of a shard. */
export interface ShardHead {
  readonly ordinal: number
  readonly crc: number
}

/** Shard, ordinal and CRC, as a row of a record. */
export type ShardHeadRow = readonly [shard: number, ordinal: number, crc: number]

/** The newest group of a lane. */
export interface GroupHead {
  readonly sequence: number
  readonly crc: number
}

export const noGroup: GroupHead = { sequence: 0, crc: 0 }
export const noFrame: ShardHead = { ordinal: 0, crc: 0 }

export function headRows(heads: ReadonlyMap<number, ShardHead>): ShardHeadRow[] {
  return [...heads].map(([shard, { ordinal, crc }]) => [shard, ordinal, crc])
}

/** Keeps the newer head of each shard. */
export function mergeHeads(into: Map<number, ShardHead>, rows: readonly ShardHeadRow[]): void {
  for (const [shard, ordinal, crc] of rows) {
    if ((into.get(shard)?.ordinal ?? 0) < ordinal) into.set(shard, { ordinal, crc })
  }
}

/** Follows the chain of every shard while frames are read. */
export class ShardChains {
  readonly base: ReadonlyMap<number, ShardHead>
  readonly heads: Map<number, ShardHead>

  constructor(base: ReadonlyMap<number, ShardHead>) {
    this.base = base
    this.heads = new Map(base)
  }

  /** @throws OpenRefused damaged */
  follow(frame: ChainedFrame, file: string, offset: number): void {
    const { shard } = frame
    const last = lastOrdinalOf(frame)
    if (last <= (this.base.get(shard)?.ordinal ?? 0)) return
    const head = this.heads.get(shard) ?? noFrame
    if (frame.firstOrdinal !== head.ordinal + 1) {
      throw damage(
        file,
        offset,
        `shard ${shard} goes on at ordinal ${frame.firstOrdinal} where ${head.ordinal + 1} was due`,
      )
    }
    if (frame.previousCrc !== head.crc) {
      throw damage(file, offset, `a frame of shard ${shard} that does not follow the one before it`)
    }
    this.heads.set(shard, { ordinal: last, crc: frame.crc })
  }
}
