/**
 * Blocks that are mostly bytes, as `pack` would write them: but the bytes are copied once, not three times,
 * and nothing else is made of a snapshot's megabytes.
 */

/** Bytes before the content of any block: array, name, length of the content. */
const headBytesMax = 32

/** As `pack([name, bytes, ...numbers])`; numbers are whole, from 0 to 2³² − 1. */
export function packBytes(name: string, bytes: Uint8Array, ...numbers: number[]): Uint8Array {
  const block = Buffer.allocUnsafe(headBytesMax + bytes.length + 5 * numbers.length)
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
