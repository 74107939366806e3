/**
 * How quickly the snapshots of a round are written beside the shards' own work. One pace for all writers of
 * a lane: whatever many of them wait for the disk, the shards are held up by one piece at a time.
 *
 * N6. While there is time the pieces are small, and rests between them several times longer than the work:
 *     no shard stalls, and no sync of the journal waits for much. The more the round lags the larger the
 *     pieces and the shorter the rests: one that ends late leaves a long replay behind it.
 */
import type { Env } from '../env/env.js'

/** Bytes made and written at once, at ease and in haste. */
const pieceBytes = { ease: 64 * 1024, haste: 512 * 1024 } as const
/** A rest between pieces is so many times as long as it took to make the last ones. */
const pieceFactor = 8
const pieceRestMsMax = 20
/** One between two shards is as long as the shard took, I/O included: its file is made, named and looked for. */
const shardFactor = 1
/** A slow disk is no reason never to end. */
const shardRestMsMax = 100

export class Pace {
  private readonly env: Pick<Env, 'clock' | 'timers'>
  private readonly haste: () => number
  /** Resolves when the last of those who wait has had its turn. */
  private turns: Promise<void> = Promise.resolve()
  /** ms spent making pieces since the last rest. */
  private workMs = 0

  /** @param haste from 0, at ease, to 1, in haste; asked every time */
  constructor(env: Pick<Env, 'clock' | 'timers'>, haste: () => number) {
    this.env = env
    this.haste = haste
  }

  /** Bytes of the next piece. */
  get pieceBytes(): number {
    return pieceBytes.ease + (pieceBytes.haste - pieceBytes.ease) * this.haste()
  }

  /** The blocks of a snapshot; what it takes to make them counts as work. */
  *timed(blocks: Iterable<Uint8Array>): Generator<Uint8Array> {
    const { clock } = this.env
    let begun = clock.monotonic()
    for (const block of blocks) {
      this.workMs += clock.monotonic() - begun
      yield block
      begun = clock.monotonic()
    }
  }

  /** Resolves when the next piece may be made: for one writer at a time, in the order they asked. */
  rest(): Promise<void> {
    this.turns = this.turns.then(() => {
      const ms = Math.min(pieceRestMsMax, pieceFactor * this.workMs)
      this.workMs = 0
      return this.pause(ms)
    })
    return this.turns
  }

  /** Resolves when the next shard may be begun. @param begunAt when the last one was, on the monotonic clock */
  restBetweenShards(begunAt: number): Promise<void> {
    const ms = shardFactor * (this.env.clock.monotonic() - begunAt)
    return this.pause(Math.min(shardRestMsMax, ms))
  }

  private pause(msAtEase: number): Promise<void> {
    const { timers } = this.env
    const ease = 1 - this.haste()
    return new Promise((resolve) => {
      if (ease <= 0) timers.soon(resolve)
      // The clock of a simulation stands still while something runs: there is a rest all the same.
      else timers.after(Math.max(1, ease * msAtEase), resolve)
    })
  }
}
