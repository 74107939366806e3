/**
 * Buffers that are used again. Megabytes of memory outside the heap that come and go make the collector run,
 * whole collections among them: it can't know that nothing of it is left.
 */

/** Spare buffers kept: as many as writers are at work at once. */
const sparesMax = 32

export class SpareBuffers {
  private readonly bytes: number
  private readonly spares: Buffer[] = []

  /** @param bytes room of a new one */
  constructor(bytes: number) {
    this.bytes = bytes
  }

  /** A buffer with something in it; {@link give} it back when nobody reads it any more. */
  take(): Buffer {
    return this.spares.pop() ?? Buffer.allocUnsafeSlow(this.bytes)
  }

  /** Takes a buffer back, also one that had to grow; much larger ones are let go. */
  give(buffer: Buffer): void {
    if (this.spares.length < sparesMax && buffer.length <= 4 * this.bytes) this.spares.push(buffer)
  }
}

/** A larger buffer with what stands in the first bytes of another. */
export function grown(buffer: Buffer, used: number, needed: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * buffer.length))
  buffer.copy(larger, 0, 0, used)
  return larger
}
