import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32 } from 'node:zlib'
import { frameBytes, lastOrdinalOf, readFrame, writeFrame } from './frame.js'
import { GroupWriter, framesOf, isWholeGroup, readGroupHeader } from './file/group.js'

const uint32 = fc.integer({ min: 0, max: 0xffff_ffff })
const draft = fc.record({
  shard: fc.integer({ min: 0, max: 65_535 }),
  firstOrdinal: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER - 0xffff_ffff }),
  count: fc.integer({ min: 1, max: 0xffff_ffff }),
  time: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  body: fc.uint8Array({ maxLength: 300 }),
})

describe('a frame', () => {
  it('reads back as it was written, wherever it stands', () => {
    fc.assert(
      fc.property(draft, uint32, uint32, fc.nat(50), (frame, epoch, previousCrc, at) => {
        const bytes = Buffer.alloc(at + frameBytes(frame) + 3, 0xee)
        const crc = writeFrame(frame, epoch, previousCrc, bytes, at)
        const read = readFrame(bytes, at, bytes.length)!
        expect({ ...read, body: Uint8Array.from(read.body) }).toEqual({
          ...frame,
          epoch,
          previousCrc,
          crc,
        })
        expect(lastOrdinalOf(read)).toBe(frame.firstOrdinal + frame.count - 1)
        expect(readFrame(bytes, at, at + frameBytes(frame) - 8)).toBeUndefined()
      }),
    )
  })

  it('F1: does not read with any bit of header or body flipped', () => {
    const frame = { shard: 3, firstOrdinal: 9, count: 2, time: 5, body: Buffer.from('turns') }
    const good = Buffer.alloc(frameBytes(frame))
    writeFrame(frame, 7, 11, good, 0)
    for (let bit = 0; bit < (44 + 4 + frame.body.length) * 8; bit++) {
      // Bytes 44 to 47 are reserved; the group's checksum covers them.
      if (bit >> 3 >= 44 && bit >> 3 < 48) continue
      const bad = Buffer.from(good)
      bad[bit >> 3]! ^= 1 << (bit & 7)
      expect(readFrame(bad, 0, bad.length)).toBeUndefined()
    }
  })

  it('of a newer format is refused by its number, not taken for damage', () => {
    const frame = { shard: 3, firstOrdinal: 9, count: 2, time: 5, body: Buffer.from('turns') }
    const bytes = Buffer.alloc(frameBytes(frame))
    writeFrame(frame, 7, 11, bytes, 0)
    bytes.writeUInt16LE(2, 4)
    bytes.writeUInt32LE(crc32(frame.body, crc32(bytes.subarray(0, 40))), 40)
    expect(() => readFrame(bytes, 0, bytes.length)).toThrow(/format 2/)
  })
})

describe('a group', () => {
  it('reads back its frames, and with any byte changed is none', () => {
    const writer = new GroupWriter()
    fc.assert(
      fc.property(
        fc.array(draft, { minLength: 1, maxLength: 5 }),
        uint32,
        uint32,
        fc.integer({ min: 0, max: 2 ** 50 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (frames, tag, previousCrc, sequence, place, flip) => {
          writer.begin(frames.reduce((sum, frame) => sum + frameBytes(frame), 0))
          for (const frame of frames) writer.add(frame, 1, 2)
          const { bytes, head } = writer.finish(tag, { sequence, crc: previousCrc }, 0)
          expect(head.sequence).toBe(sequence + 1)
          const header = readGroupHeader(bytes, tag)!
          expect(header).toMatchObject({ head, previousCrc, frames: frames.length })
          expect(isWholeGroup(bytes, header, 'file')).toBe(true)
          const read = framesOf(bytes, header)!
          expect(read.map((frame) => Buffer.from(frame.body).toString('hex'))).toEqual(
            frames.map((frame) => Buffer.from(frame.body).toString('hex')),
          )
          expect(readGroupHeader(bytes, tag ^ 1)).toBeUndefined()
          const bad = Buffer.from(bytes)
          bad[place % bad.length]! ^= flip
          const other = readGroupHeader(bad, tag)
          const whole =
            other !== undefined &&
            other.bytes <= bad.length &&
            isWholeGroup(bad.subarray(0, other.bytes), other, 'file')
          expect(whole).toBe(false)
        },
      ),
    )
  })
})
