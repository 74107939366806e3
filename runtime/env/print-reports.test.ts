// What a runtime prints of its trouble when its owner listens to no reports.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createRuntime, defineActor } from '../index.js'
import { printReports } from './print-reports.js'

const wrong = defineActor({
  kind: 'wrong',
  state: { value: 0 },
  events: { set: (_state, data: { value: number }) => data },
  commands: {
    typo: (turn) => (turn.state as unknown as { items: number[] }).items.length,
    date: () => new Date(0),
    nobodyKnows: (turn) => {
      turn.emit('nobodyKnows' as 'set', { value: 1 })
    },
    later: () => Promise.resolve(1),
  },
  queries: { typo: (view) => (view.self as unknown as { items: number[] }).items.length },
})

describe('a runtime whose owner gave no onReport', () => {
  let dataDir = ''
  const printed: string[] = []

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'suanpan-reports-'))
    printed.length = 0
    vi.spyOn(console, 'error').mockImplementation((entry: string) => printed.push(entry))
  })

  afterEach(() => {
    vi.restoreAllMocks()
    rmSync(dataDir, { recursive: true, force: true })
  })

  it('prints why an actor failed, with the stack', async () => {
    const runtime = await createRuntime({ dataDir, actors: { definitions: [wrong] }, shards: 1 })
    const commands = ['typo', 'date', 'nobodyKnows', 'later']
    for (const command of commands)
      await runtime.command(`wrong/${command}` as never, command, null).catch(() => undefined)
    await runtime.query('wrong/asked', 'typo', null).catch(() => undefined)
    await runtime.snapshot()
    await runtime.close()
    expect(printed).toHaveLength(5)
    for (const [at, command] of commands.entries())
      expect(printed[at]).toMatch(
        new RegExp(`^suanpan: actor_failed: wrong/${command} failed on "${command}": \\w*Error: `),
      )
    expect(printed[0]).toMatch(/reading 'length'[^]*\n +at .*print-reports\.test/)
    expect(printed[2]).toContain('nobodyKnows')
    expect(printed[3]).toContain('async')
    expect(printed[4]).toContain('wrong/asked failed on the query "typo": TypeError')
  })

  it('prints that an actor is set aside', async () => {
    const runtime = await createRuntime({ dataDir, actors: { definitions: [wrong] }, shards: 1 })
    for (let times = 0; times < 20; times++)
      await runtime.command('wrong/w', 'typo', null).catch(() => undefined)
    await runtime.close()
    expect(printed).toContainEqual(expect.stringMatching(/^suanpan: quarantined: wrong\/w is set/))
  })

  it('prints nothing when onReport is given', async () => {
    const onReport = vi.fn()
    const actors = { definitions: [wrong] }
    const runtime = await createRuntime({ dataDir, actors, shards: 1, onReport })
    await runtime.command('wrong/w', 'typo', null).catch(() => undefined)
    await runtime.close()
    expect(onReport).toHaveBeenCalled()
    expect(printed).toEqual([])
  })
})

describe('printed reports', () => {
  it('are bounded, and say how many were left out', () => {
    let now = 0
    const printed: string[] = []
    const report = printReports({ now: () => 0, monotonic: () => now }, (line) =>
      printed.push(line),
    )
    const failed = { address: 'a/b', command: 'c', error: { code: 'E', message: 'm' } }
    for (let times = 0; times < 100; times++) report('actor_failed', failed)
    expect(printed).toHaveLength(20)
    now = 1_000
    report('actor_failed', failed)
    expect(printed.slice(20)).toEqual([
      'suanpan: 80 reports more were not printed',
      'suanpan: actor_failed: a/b failed on "c": m',
    ])
  })

  it('say so of what does not say what it is', () => {
    const printed: string[] = []
    const report = printReports({ now: () => 0, monotonic: () => 0 }, (line) => printed.push(line))
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    report('actor_failed', { address: 'a/b', command: 'c', error: proxy })
    report('requests_lost', { thread: 0, error: new Error('too large') })
    report('snapshot_damaged', { shard: 3, why: 'a bad sum', file: 'x.damaged' })
    report('snapshot', { shard: 3 })
    expect(printed).toEqual([
      'suanpan: actor_failed: a/b failed on "c": something that does not say what it is',
      'suanpan: requests_lost: requests could not be sent, their outcome is unknown: too large',
      'suanpan: snapshot_damaged: shard 3: a bad sum; set aside as x.damaged',
    ])
  })
})
