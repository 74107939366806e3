import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ClusterStatus } from '../membership/control.js'
import { Output } from './output.js'
import { CommandFailed } from './problem.js'
import { showLive } from './top-loop.js'

const status: ClusterStatus = {
  ...{ coordinator: 'a', term: 1, mapVersion: 7, format: 1, nodes: [], shards: [] },
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

const intervalMs = 3_600_000

/**
 * Watches the timers of the view that wait for its next look.
 * @returns how many were begun, and how many nobody took back; what else has timers in this
 * process is not counted
 */
function watchTimers() {
  const begun = vi.spyOn(globalThis, 'setTimeout')
  const stopped = vi.spyOn(globalThis, 'clearTimeout')
  return () => {
    const own = begun.mock.results.filter((_, i) => begun.mock.calls[i]?.[1] === intervalMs)
    const back = new Set(stopped.mock.calls.map(([timer]) => timer as unknown))
    return { begun: own.length, left: own.filter(({ value }) => !back.has(value)).length }
  }
}

/** A live view with an hour between two looks, on a terminal or not, asking what is given. */
function start(asked: () => Promise<ClusterStatus>, { tty = true, keysTty = true } = {}) {
  const said: string[] = []
  const stream = { write: (text: string) => said.push(text), isTTY: tty }
  const modes: boolean[] = []
  const raw = keysTty ? { isTTY: true, setRawMode: (on: boolean) => modes.push(on) } : {}
  const stdin = Object.assign(new EventEmitter(), { pause: () => undefined }, raw)
  let interrupt: () => void = () => undefined
  const session = { cluster: 'c', seen: asked, vitalsOf: () => Promise.resolve(undefined) }
  const ended = showLive(session, {
    intervalMs,
    output: new Output(false, { stdout: stream, stderr: stream }),
    interrupt: { onRequest: (run) => void (interrupt = run) },
    stdin,
  })
  return {
    ended,
    said,
    modes,
    type: (key: string) => stdin.emit('data', Buffer.from(key)),
    interrupt: () => interrupt(),
  }
}

/** Two looks: what is counted between them is shown. */
const twoLooks = () => vi.advanceTimersByTimeAsync(1_000)

describe('top', () => {
  it.each(['q', '\u0003'])(
    'P1: the key %j ends it, and no timer holds the process up',
    async (key) => {
      const timers = watchTimers()
      const { ended, said, modes, type } = start(() => Promise.resolve(status))
      await twoLooks()
      expect(said.join('')).toContain('Cluster "c"')
      type(key)
      await ended
      expect(timers()).toEqual({ begun: 1, left: 0 })
      expect(modes).toEqual([true, false])
    },
  )

  it('P1: a signal ends it while nobody answers', async () => {
    const { ended, interrupt } = start(() => new Promise(() => undefined))
    await twoLooks()
    interrupt()
    await ended
  })

  it('P2: lives without keys where stdin is no terminal', async () => {
    const { ended, said, interrupt } = start(() => Promise.resolve(status), { keysTty: false })
    await twoLooks()
    expect(said.join('')).toContain('Ctrl-C quit')
    interrupt()
    await ended
  })

  it.each([true, false])(
    'P3: says that nobody answers, and goes on (terminal: %s)',
    async (tty) => {
      const away = new CommandFailed('no_coordinator', 'Nobody answers just now.')
      const looks = [() => Promise.reject(away), () => Promise.reject(away)]
      const { ended, said, interrupt } = start(() => looks.shift()?.() ?? Promise.resolve(status), {
        tty,
      })
      await twoLooks()
      expect(said.join('')).toContain('Nobody answers just now.')
      expect(said.join('')).not.toContain('Cluster "c"')
      await twoLooks()
      await twoLooks()
      expect(said.join('')).toContain('Cluster "c"')
      interrupt()
      await ended
    },
  )

  it('ends by any other failure', async () => {
    const { ended } = start(() => Promise.reject(new CommandFailed('unknown_cluster', 'None.')))
    await expect(ended).rejects.toMatchObject({ code: 'unknown_cluster' })
  })
})
