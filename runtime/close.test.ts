/**
 * The end of a runtime: what was asked before is answered and kept, what is asked from then on is not
 * executed, however much is asked. And what a caller's callbacks do wrong ends nothing.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRuntime, defineActor, type Runtime, type RuntimeOptions } from './index.js'

const counter = defineActor({
  kind: 'counter',
  state: { value: 0 },
  events: { added: (state, _data: null) => ({ value: state.value + 1 }) },
  commands: {
    add(turn) {
      turn.emit('added', null)
      return turn.state.value
    },
    fail() {
      throw new Error('as it should')
    },
  },
  queries: { value: (view) => view.self.value },
})

let dataDir = ''

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'suanpan-close-'))
})

afterEach(() => {
  rmSync(dataDir, { recursive: true, force: true })
})

function open(more: Partial<RuntimeOptions> = {}): Promise<Runtime> {
  const actors = { definitions: [counter] }
  return createRuntime({ dataDir, actors, threads: 0, shards: 2, ...more })
}

const closed = { code: 'closed', outcome: 'not_executed' }

describe('a runtime that closes', () => {
  it('L3: answers what was asked before, and rejects what is asked from then on', async () => {
    const runtime = await open()
    const visits = runtime.actor(counter, 'visits')
    const before = visits.add(undefined)
    const closing = runtime.close()
    await expect(visits.add(undefined)).rejects.toMatchObject(closed)
    await expect(visits.value()).rejects.toMatchObject(closed)
    expect(await before).toBe(1)
    expect(runtime.close()).toBe(closing)
    await closing
    await expect(visits.add(undefined)).rejects.toMatchObject(closed)
  })

  it('L3: comes to its end under a load that does not', async () => {
    const runtime = await open()
    let added = 0
    let ended = false
    const refusals: unknown[] = []
    const ask = async (client: number): Promise<void> => {
      while (!ended) {
        try {
          // Two at a time, begun at different moments: the clients together are never without one.
          await Promise.race(
            [1, 2].map((half) =>
              runtime
                .actor(counter, `${client}-${half}`)
                .add(undefined)
                .then(() => added++),
            ),
          )
        } catch (error) {
          refusals.push(error)
          return
        }
      }
    }
    const clients = Array.from({ length: 20 }, (_, client) => ask(client))
    await expect.poll(() => added, { timeout: 10_000 }).toBeGreaterThan(200)
    await runtime.close()
    ended = true
    await Promise.all(clients)
    expect(refusals).toHaveLength(clients.length)
    for (const refusal of refusals) expect(refusal).toMatchObject(closed)
    const again = await open()
    let kept = 0
    for (let client = 0; client < clients.length; client++) {
      for (const half of [1, 2]) kept += await again.actor(counter, `${client}-${half}`).value()
    }
    expect(kept).toBe(added)
    await again.close()
  })
})

describe('a report', () => {
  const broken: Record<string, () => unknown> = {
    throws: () => {
      throw new Error('thrown by onReport')
    },
    'gives a promise that rejects': () => Promise.reject(new Error('rejected by onReport')),
  }
  it.each(Object.keys(broken))('to a callback that %s stops nothing', async (how) => {
    let reports = 0
    const failures: Error[] = []
    const runtime = await open({
      onReport: () => {
        reports++
        return broken[how]!() as undefined
      },
      onFailure: (error) => failures.push(error),
    })
    const visits = runtime.actor(counter, 'visits')
    await expect(visits.fail(undefined)).rejects.toMatchObject({ code: 'actor_failed' })
    expect(reports).toBe(1)
    expect(await visits.add(undefined)).toBe(1)
    await runtime.snapshot()
    expect(reports).toBeGreaterThan(1)
    await runtime.close()
    expect(failures).toEqual([])
  })
})
