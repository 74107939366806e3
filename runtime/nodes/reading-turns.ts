/**
 * Whose piece of a stream is read next. A node that takes many shards over reads faster than it can replay,
 * and what it asked for stands before every answer on its connection: an answer that one shard waits for, to
 * serve again, would come behind megabytes of others.
 *
 * RT1. Two readings have a piece under way at once; the rest wait. Those of shards that nobody serves come
 *     first, and of these the earliest: shards come back one after the other, not all in the end.
 * RT2. While a shard is being opened, nothing is read ahead.
 * RT3. A reading that gets no further – its stream has no leader – holds up nobody for more than a second.
 */
import type { NextPiece } from '../../transport/index.js'
import type { Env } from '../env/env.js'
import { limits } from '../limits.js'

/** The way of one shard back from its streams. */
interface Reading {
  readonly urgent: boolean
  /** What it is at: a piece, something else, waiting for its turn, or nothing for too long. */
  phase: 'piece' | 'between' | 'waiting' | 'stalled'
  begun: () => void
  stall: { cancel(): void } | undefined
}

export class ReadingTurns {
  private readonly env: Pick<Env, 'timers'>
  /** In the order in which they began. */
  private readonly readings = new Set<Reading>()

  constructor(env: Pick<Env, 'timers'>) {
    this.env = env
  }

  /**
   * Reads something, piece by piece.
   * @param urgent whether a shard is not served until it is done
   * @param read calls what it is given before each piece
   */
  async take<T>(urgent: boolean, read: (nextPiece: NextPiece) => Promise<T>): Promise<T> {
    const reading: Reading = {
      ...{ urgent, phase: 'between', begun: () => undefined, stall: undefined },
    }
    this.readings.add(reading)
    this.watch(reading)
    try {
      return await read(() => this.next(reading))
    } finally {
      reading.stall?.cancel()
      this.readings.delete(reading)
      this.grant()
    }
  }

  private next(reading: Reading): Promise<void> {
    reading.stall?.cancel()
    reading.phase = 'waiting'
    return new Promise((resolve) => {
      reading.begun = resolve
      this.grant()
    })
  }

  private grant(): void {
    const all = [...this.readings]
    const opening = all.some(({ urgent, phase }) => urgent && phase !== 'stalled')
    let free = limits.readingsAtOnce - all.filter(({ phase }) => phase === 'piece').length
    for (const reading of all) {
      if (free <= 0) return
      if (reading.phase !== 'waiting' || reading.urgent !== opening) continue
      free--
      reading.phase = 'piece'
      this.watch(reading)
      reading.begun()
    }
  }

  /** RT3 */
  private watch(reading: Reading): void {
    reading.stall = this.env.timers.after(limits.readingStalledMs, () => {
      reading.phase = 'stalled'
      this.grant()
    })
  }
}
