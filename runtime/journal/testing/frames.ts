/** Frames for tests of journals: recognisable bodies, dense ordinals. */
import type { Frame, FrameDraft } from '../journal.js'

/** Makes the next frame of each shard. */
export class FrameSource {
  private readonly ordinals = new Map<number, number>()

  constructor(ordinals: Readonly<Record<number, number>> = {}) {
    for (const [shard, ordinal] of Object.entries(ordinals)) {
      this.ordinals.set(Number(shard), ordinal)
    }
  }

  next(shard: number, bodyBytes = 40, count = 2): FrameDraft {
    const firstOrdinal = (this.ordinals.get(shard) ?? 0) + 1
    this.ordinals.set(shard, firstOrdinal + count - 1)
    const body = Buffer.alloc(bodyBytes, `${shard}:${firstOrdinal} `)
    return { shard, firstOrdinal, count, time: 1_700_000_000_000 + firstOrdinal, body }
  }

  ordinal(shard: number): number {
    return this.ordinals.get(shard) ?? 0
  }
}

/** A frame as one line, to compare: shard, ordinals, body. */
export function lineOf(frame: FrameDraft | Frame): string {
  const last = frame.firstOrdinal + frame.count - 1
  return `${frame.shard} ${frame.firstOrdinal}-${last} ${frame.time} ${Buffer.from(frame.body).toString()}`
}
