/** Properties of the two halves of a batch: cutting lines, and keeping answers in order. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AnswerWindow } from './answer-window.js'
import { LineSplitter } from './line-splitter.js'

function split(chunks: readonly Buffer[], lineBytesMax: number): string[] {
  const lines: string[] = []
  const splitter = new LineSplitter(
    {
      line: (text) => lines.push(text),
      lineOf({ bytes, text }, start, end) {
        expect(text.slice(start, end)).toBe(bytes.toString('utf8', start, end))
        lines.push(text.slice(start, end))
      },
      bad: (detail) => lines.push(`bad: ${detail}`),
    },
    lineBytesMax,
  )
  for (const chunk of chunks) splitter.push(chunk)
  splitter.end()
  return lines
}

describe('the line splitter', () => {
  const text = (...characters: string[]) =>
    fc.array(fc.string({ unit: fc.constantFrom(...characters), maxLength: 12 }))
  const texts = fc.oneof(text('a', 'é', '漢', '😀', ' '), text('a', ' '))

  it('gives the same lines however the bytes are cut', () => {
    fc.assert(
      fc.property(texts, fc.array(fc.nat(200)), (lines, cuts) => {
        const bytes = Buffer.from(lines.join('\n'))
        const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort(
          (a, b) => a - b,
        )
        const chunks = [0, ...places].map((start, i) => bytes.subarray(start, places[i]))
        const got = split(chunks, 1_000)
        // A last line that is empty is no line.
        expect(got.join('\n').trimEnd()).toBe(lines.join('\n').trimEnd())
      }),
    )
  })

  it('L1: reports a line that is too long once, wherever the bytes are cut', () => {
    fc.assert(
      fc.property(fc.nat(80), fc.integer({ min: 1, max: 40 }), (length, chunkSize) => {
        const bytes = Buffer.from(`one\n${'x'.repeat(length)}\ntwo`)
        const chunks: Buffer[] = []
        for (let i = 0; i < bytes.length; i += chunkSize)
          chunks.push(bytes.subarray(i, i + chunkSize))
        const middle = length > 30 ? 'bad: The line is longer than 30 bytes.' : 'x'.repeat(length)
        expect(split(chunks, 30)).toEqual(['one', middle, 'two'])
      }),
    )
  })

  it('L2: tells the line that is no UTF-8 from its neighbours', () => {
    const bytes = Buffer.from('é\n\xff\n漢', 'latin1')
    const mixed = Buffer.concat([Buffer.from('é\n'), Buffer.from([0xff, 0x0a]), Buffer.from('漢')])
    expect(split([mixed], 30)).toEqual(['é', 'bad: The line is not UTF-8.', '漢'])
    expect(split([bytes], 30)).toHaveLength(3)
  })
})

describe('the answer window', () => {
  it('O1, O2: writes answers in order, whatever order they come in, within its bounds', async () => {
    const plan = fc.record({
      windowLines: fc.integer({ min: 1, max: 8 }),
      delays: fc.array(fc.nat(5), { maxLength: 40 }),
      slowReader: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(plan, async ({ windowLines, delays, slowReader }) => {
        let written = ''
        const window: AnswerWindow<number> = new AnswerWindow<number>({
          windowLines,
          outputBytesMax: 16,
          writeBytes: 8,
          writeDelayMs: 2,
          sink: {
            write: (text) => {
              written += text
              if (slowReader) setTimeout(() => window.drained(), 1)
              return !slowReader
            },
          },
          write: (value, line) => `${line}:${value}`,
          writeError: (error, line) => `${line}!${String(error)}`,
        })
        let atWork = 0
        for (const [i, delay] of delays.entries()) {
          while (window.full) await window.changed()
          const slot = window.take(i + 1)
          atWork++
          expect(atWork).toBeLessThanOrEqual(windowLines)
          const settle = () => {
            atWork--
            if (delay === 3) slot.failed('no')
            else slot.done(i)
          }
          if (delay === 0) settle()
          else setTimeout(settle, delay)
        }
        while (!window.empty) await window.changed()
        const expected = delays.map((delay, i) => (delay === 3 ? `${i + 1}!no` : `${i + 1}:${i}`))
        expect(written.trimEnd()).toBe(expected.join('\n'))
      }),
      { numRuns: 60 },
    )
  })

  it('O3: writes when enough is there, when nothing is at work, or after a while', async () => {
    const written: string[] = []
    const window = new AnswerWindow<string>({
      windowLines: 8,
      outputBytesMax: 100,
      writeBytes: 6,
      writeDelayMs: 30,
      sink: { write: (text) => (written.push(text), true) },
      write: (value) => value,
      writeError: () => '!',
    })
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    const slots = [1, 2, 3, 4, 5].map((line) => window.take(line))
    slots[0]!.done('a')
    await turn()
    expect(written).toEqual([])
    slots[1]!.done('b')
    slots[2]!.done('c')
    expect(written).toEqual(['a\nb\nc\n'])
    slots[3]!.done('d')
    await expect.poll(() => written, { interval: 5 }).toHaveLength(2)
    slots[4]!.done('e')
    await turn()
    expect(written).toEqual(['a\nb\nc\n', 'd\n', 'e\n'])
    expect(window.empty).toBe(true)
  })

  it('ends without writing when nobody reads any more', async () => {
    let written = ''
    const window = new AnswerWindow<string>({
      windowLines: 2,
      outputBytesMax: 100,
      writeBytes: 1,
      writeDelayMs: 1,
      sink: { write: (text) => ((written += text), true) },
      write: (value) => value,
      writeError: () => '!',
    })
    const [first, second] = [window.take(1), window.take(2)]
    const waiting = window.changed()
    window.end()
    await waiting
    expect([window.full, window.empty]).toEqual([false, true])
    first.done('a')
    second.failed(new Error('late'))
    expect(written).toBe('')
  })
})
