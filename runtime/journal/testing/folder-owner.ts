/** A data folder in the hands of one owner, for tests: opens it, appends, remembers what was acknowledged. */
import { scanLineage, openFolder, openLane, readFrames } from '../file/index.js'
import type { FileLane, FolderOptions, JournalFolder } from '../file/index.js'
import type { Frame } from '../journal.js'
import { FrameSource, lineOf } from './frames.js'
import type { JournalEnv } from './journal-env.js'

export const dataDir = '/data'
const shards = 4

export class FolderOwner {
  readonly env: JournalEnv
  readonly folder: JournalFolder
  readonly lanes: readonly FileLane[]
  readonly source: FrameSource
  /** By shard: last ordinal whose append resolved. */
  readonly acknowledged: Map<number, number>

  private constructor(env: JournalEnv, folder: JournalFolder, lanes: readonly FileLane[]) {
    this.env = env
    this.folder = folder
    this.lanes = lanes
    this.source = new FrameSource(folder.plan.lastOrdinals)
    this.acknowledged = new Map(allShards.map((shard) => [shard, this.source.ordinal(shard)]))
  }

  static async open(
    env: JournalEnv,
    options: Partial<FolderOptions> & { readonly lanes?: number } = {},
  ): Promise<FolderOwner> {
    const { lanes: count = 1, ...rest } = options
    const folder = await openFolder(env, { dataDir, shards, segmentBytes: 8_192, ...rest })
    await folder.adopt()
    const lanes: FileLane[] = []
    for (let lane = 0; lane < count; lane++) {
      const own = allShards.filter((shard) => shard % count === lane)
      lanes.push(await openLane(env, folder.plan, lane, new Set(own)))
    }
    return new FolderOwner(env, folder, lanes)
  }

  /** Appends one frame of each of these shards, one group per lane. */
  async append(shardsOfGroup: readonly number[], bodyBytes = 40): Promise<void> {
    for (const [number, lane] of this.lanes.entries()) {
      const own = shardsOfGroup.filter((shard) => shard % this.lanes.length === number)
      if (own.length === 0) continue
      await lane.append(own.map((shard) => this.source.next(shard, bodyBytes)))
      for (const shard of own) this.acknowledged.set(shard, this.source.ordinal(shard))
    }
  }

  async close(): Promise<void> {
    for (const lane of this.lanes) await lane.seal()
    await this.folder.close(this.lanes.map(({ end }) => end))
  }

  /** All frames of the folder as its threads would read them. */
  async frames(after = new Map<number, number>()): Promise<string[]> {
    const lines: string[] = []
    const take = (frame: Frame): void => void lines.push(lineOf(frame))
    await readFrames(this.env, this.folder.plan, new Set(allShards), after, take)
    return lines.sort()
  }
}

export const allShards = [0, 1, 2, 3]

/** Frames of an unowned folder, as lines. */
export async function framesIn(env: JournalEnv): Promise<string[]> {
  const lines: string[] = []
  await scanLineage(env.disk, dataDir, (frame) => lines.push(lineOf(frame)))
  return lines.sort()
}

/** The same chances in every run. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
