/**
 * Blocks of a snapshot, as `pack` would write them, in memory that is used again. Of those that are mostly
 * bytes these are copied once, not three times, and nothing else is made of a snapshot's megabytes.
 *
 * M1. The memory is one snapshot's alone: others are made at the same time, and what is written of a block
 *     may wait for a stream or a disk in the middle of it.
 */
import { packInto } from '../../transport/index.js'
import { grown, SpareBuffers } from '../spare-buffers.js'

/** Bytes before the content of any block: array, name, length of the content. */
const headBytesMax = 32

/** Room for any block but of the largest records. */
const spares = new SpareBuffers(320 * 1024)

/** Makes blocks: each is valid until the next one is made. */
export class BlockMemory {
  private room = spares.take()

  /** As `pack(value)`. */
  pack(value: unknown): Uint8Array {
    return packInto(this.room, value)
  }

  /** As `pack([name, bytes, ...numbers])`; numbers are whole, from 0 to 2³² − 1. */
  packBytes(name: string, bytes: Uint8Array, ...numbers: number[]): Uint8Array {
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
