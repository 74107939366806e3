import { describe, expect, it } from 'vitest'
import { Output } from './output.js'

/** What an output wrote. */
function written(json: boolean, use: (output: Output) => void): { out: string; err: string } {
  const texts = { out: '', err: '' }
  use(
    new Output(json, {
      stdout: { write: (text) => (texts.out += text) },
      stderr: { write: (text) => (texts.err += text) },
    }),
  )
  return texts
}

describe('what an operator is told while a command runs', () => {
  const reported = (output: Output) =>
    output.tell('actor_failed', { address: 'account/a', error: new TypeError('no sum') })

  it('is a sentence for people', () => {
    const { out, err } = written(false, reported)
    expect(out).toBe('')
    expect(err).toBe('suanpan: actor_failed: {"address":"account/a","error":"TypeError: no sum"}\n')
    const words = written(false, (output) =>
      output.tell('alarm', { type: 'old_money' }, 'ALARM old_money: look.'),
    )
    expect(words.err).toBe('suanpan: ALARM old_money: look.\n')
  })

  it('is a line of JSON on stderr for programs, so that results stay alone on stdout', () => {
    const { out, err } = written(true, reported)
    expect(out).toBe('')
    expect(JSON.parse(err)).toEqual({
      event: 'actor_failed',
      address: 'account/a',
      error: 'TypeError: no sum',
    })
  })
})
