/** Blocks of any size as chunks that fit a message, and back: each block behind its length. */

const lengthBytes = 4

/** Packs blocks into chunks of so many bytes, each full but the last. */
export function* chunksOf(blocks: Iterable<Uint8Array>, chunkBytes: number): Generator<Uint8Array> {
  let chunk = Buffer.allocUnsafe(chunkBytes)
  let used = 0
  for (const block of blocks) {
    const length = Buffer.allocUnsafe(lengthBytes)
    length.writeUInt32LE(block.length)
    for (const part of [length, block]) {
      for (let at = 0; at < part.length;) {
        const count = Math.min(part.length - at, chunkBytes - used)
        chunk.set(part.subarray(at, at + count), used)
        used += count
        at += count
        if (used < chunkBytes) continue
        yield chunk
        chunk = Buffer.allocUnsafe(chunkBytes)
        used = 0
      }
    }
  }
  if (used > 0) yield chunk.subarray(0, used)
}

/** A block larger than this is a damaged length. */
const blockBytesMax = 256 * 1024 * 1024

/** Puts blocks together again. */
export class BlockReader {
  private readonly onBlock: (block: Uint8Array) => void
  private parts: Uint8Array[] = []
  private bytes = 0
  /** Bytes that must be there before anything can be done. */
  private wanted = lengthBytes

  constructor(onBlock: (block: Uint8Array) => void) {
    this.onBlock = onBlock
  }

  /** True between two blocks. */
  get empty(): boolean {
    return this.bytes === 0
  }

  /** @returns false when it makes no sense */
  take(chunk: Uint8Array): boolean {
    this.parts.push(chunk)
    this.bytes += chunk.length
    if (this.bytes < this.wanted) return true
    let rest = Buffer.concat(this.parts, this.bytes)
    while (rest.length >= lengthBytes) {
      const end = lengthBytes + rest.readUInt32LE(0)
      if (end > blockBytesMax) return false
      this.wanted = end
      if (rest.length < end) break
      this.onBlock(rest.subarray(lengthBytes, end))
      rest = rest.subarray(end)
      this.wanted = lengthBytes
    }
    this.parts = rest.length === 0 ? [] : [rest]
    this.bytes = rest.length
    return true
  }
}
