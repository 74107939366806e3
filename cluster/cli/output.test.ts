import { describe, expect, it } from 'vitest'
import { Fault } from '../../runtime/index.js'
import { NatsRefused, NatsUnreachable } from '../../transport/index.js'
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

describe('an error that is reported', () => {
  const told = (error: Error): unknown =>
    JSON.parse(written(true, (output) => output.tell('serve_failed', { shard: 1, error })).err)

  it('is told by its sentence, its code, and what the errors behind it say, with theirs', () => {
    const full = new NatsRefused('nats_settings', 'The disk there is full.')
    const unreachable = new NatsUnreachable('No room.', { cause: full })
    expect(told(new Fault('not_ready', 'Shard 1 waits.', { cause: unreachable }))).toEqual({
      event: 'serve_failed',
      shard: 1,
      error: 'Shard 1 waits.',
      code: 'not_ready',
      cause: 'No room. (nats_unreachable) The disk there is full. (nats_settings)',
    })
  })

  it('tells the code of a cause whose sentence it holds, and not what its NATS client says', () => {
    const violation = new TypeError('Permissions Violation for Publish')
    const refused = new NatsRefused('nats_permission', 'You may not.', { cause: violation })
    const lost = new Fault('journal_failed', 'Not written. You may not. So it is.', {
      cause: refused,
    })
    expect(told(lost)).toMatchObject({ code: 'journal_failed', cause: 'nats_permission' })
    expect(told(refused)).toEqual({
      ...{ event: 'serve_failed', shard: 1, error: 'You may not.', code: 'nats_permission' },
    })
  })

  it('is not told twice where the sentence holds its cause, nor by the name of no class in particular', () => {
    const cause = new NatsUnreachable('no leader')
    const why = new NatsUnreachable('Nobody waits any more (no leader).', { cause })
    const { code, message: error } = why
    expect(told(why)).toEqual({ event: 'serve_failed', shard: 1, error, code })
    expect(told(new Error('odd'))).toMatchObject({ error: 'odd' })
  })
})

describe('what was said last', () => {
  it('has left before a process ends, and nobody who does not read holds it up for long', async () => {
    const left: (() => void)[] = []
    const slow = (_: string, done?: () => void) => done !== undefined && left.push(done)
    const streams = { stdout: { write: slow }, stderr: { write: slow } }
    let over = false
    const flushed = new Output(true, streams).flushed().then(() => (over = true))
    left[0]?.()
    await new Promise((resolve) => setImmediate(resolve))
    expect(over).toBe(false)
    left[1]?.()
    await flushed
    await new Output(true, streams).flushed()
  })
})
