/**
 * How quickly a snapshot is written beside the shards' own work.
 *
 * N6. While there is time the pieces are small, and rests between them are longer than the work: no shard
 *     stalls, and no sync of the journal waits for much. The more the journal has grown since the round began
 *     the larger the pieces and the shorter the rests: a round that lags leaves a long replay behind it.
 */
import type { Env } from '../env/env.js'

/** Bytes made and written at once, at ease and in haste. */
const pieceBytes = { ease: 64 * 1024, haste: 512 * 1024 } as const
/** A rest is so many times as long as the work before it, I/O included; between two shards, and between pieces. */
const restFactor = { shard: 4, piece: 2 } as const
/** A rest ends after so many ms: a slow disk is no reason never to end. */
const restMsMax = 100

export class Pace {
  private readonly env: Pick<Env, 'clock' | 'timers'>
  private readonly haste: () => number
  private begun: number

  /** @param haste from 0, at ease, to 1, in haste; asked every time */
  constructor(env: Pick<Env, 'clock' | 'timers'>, haste: () => number) {
    this.env = env
    this.haste = haste
    this.begun = env.clock.monotonic()
  }

  /** Bytes of the next piece. */
  get pieceBytes(): number {
    return pieceBytes.ease + (pieceBytes.haste - pieceBytes.ease) * this.haste()
  }

  /** Resolves when the next piece, or shard, may be begun. */
  async rest(behind: 'piece' | 'shard' = 'piece'): Promise<void> {
    const { clock, timers } = this.env
    const factor = restFactor[behind] * (1 - this.haste())
    const ms = Math.min(restMsMax, factor * (clock.monotonic() - this.begun))
    // The clock of a simulation stands still while something runs: there is a rest all the same.
    if (factor > 0) await new Promise<void>((resolve) => timers.after(Math.max(1, ms), resolve))
    this.begun = clock.monotonic()
  }
}
