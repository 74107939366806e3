/** A measured process: the file journal alone, one lane, groups of one size, no actors. */
import { nodeEnv } from '../../runtime/index.js'
import { openFolder, openLane, type FileLane } from '../../runtime/internal.js'
import { closedLoop, type Measured, type Workload } from '../harness/loops.js'
import { serveOrders } from '../harness/program.js'

const shards = 64
const env = nodeEnv()

/** Appends group after group: a lane has one append in flight. */
class Appends implements Workload {
  private readonly lane: FileLane
  private readonly bodies: readonly Uint8Array[]
  private readonly next: Float64Array

  constructor(lane: FileLane, next: Float64Array, groupBytes: number) {
    this.lane = lane
    this.next = next
    // As a busy node writes: a frame of each shard, as far as a group has room for them.
    const frames = Math.max(1, Math.min(shards, Math.floor(groupBytes / bytesPerFrameMin)))
    const body = new Uint8Array(Math.floor(groupBytes / frames)).map((_, i) => (i * 31) & 0xff)
    this.bodies = Array.from({ length: frames }, () => body)
  }

  issue(): Promise<unknown> {
    const time = env.clock.now()
    const frames = this.bodies.map((body, shard) => {
      const firstOrdinal = this.next[shard]!
      this.next[shard] = firstOrdinal + 1
      return { shard, firstOrdinal, count: 1, time, body }
    })
    return this.lane.append(frames)
  }

  acknowledged(): void {
    // A group that resolved is durable; there is nothing to compare.
  }

  refused(_slot: unknown, error: unknown): void {
    throw error
  }
}

const bytesPerFrameMin = 256

let lane: FileLane | undefined
let close: (() => Promise<void>) | undefined
const next = new Float64Array(shards).fill(1)

serveOrders({
  async open(dataDir: string): Promise<void> {
    const folder = await openFolder(env, { dataDir, shards, takeOver: false })
    await folder.adopt()
    const all = new Set(Array.from({ length: shards }, (_, shard) => shard))
    const opened = await openLane(env, folder.plan, 0, all)
    lane = opened
    close = async () => {
      await opened.seal()
      await folder.close([opened.end])
    }
  },
  round: ({ seconds, bytes }: { seconds: number; bytes: number }): Promise<Measured> =>
    closedLoop(new Appends(lane!, next, bytes), { seconds, window: 1 }),
  close: () => close!(),
})
