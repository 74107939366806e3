/**
 * Blocks that are mostly bytes, as `pack` would write them: but the bytes are copied once, not three times,
 * and nothing else is made of a snapshot's megabytes.
 */
import { grown, SpareBuffers } from '../spare-buffers.js'

/** Bytes before the content of any block: array, name, length of the content. */
const headBytesMax = 32

/** Room for any block but of the largest records. */
const spares = new SpareBuffers(320 * 1024)

/** Makes blocks in memory that is used again: each is valid until the next one is made. */
export class BytesBlocks {
  private room = spares.take()

  /** As `pack([name, bytes, ...numbers])`; numbers are whole, from 0 to 2³² − 1. */
  pack(name: string, bytes: Uint8Array, ...numbers: number[]): Uint8Array {
    const bytesMax = headBytesMax + bytes.length + 5 * numbers.length
    if (bytesMax > this.room.length) this.room = grown(this.room, 0, bytesMax)
    const block = this.room
    block[0] = 0x92 + numbers.length
    block[1] = 0xa0 + name.length
    let at = 2 + block.write(name, 2, 'latin1')
    block[at] = 0xc6
    at = block.writeUInt32BE(bytes.length, at + 1)
    block.set(bytes, at)
    at += bytes.length
    for (const number of numbers) {
      block[at] = 0xce
      at = block.writeUInt32BE(number, at + 1)
    }
    return block.subarray(0, at)
  }

  /** No block is read any more, and none is made. */
  end(): void {
    spares.give(this.room)
  }
}
