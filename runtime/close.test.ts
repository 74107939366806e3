/**
 * The end of a runtime: what was asked before is answered and kept, what is asked from then on is not
 * executed, however much is asked. And what a caller's callbacks do wrong ends nothing.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Disk } from './env/env.js'
import { nodeEnv } from './env/node-env.js'
import {
  createRuntime,
  defineActor,
  type Runtime,
  type RuntimeOptions,
  type TallyDefinition,
} from './index.js'
import { openRuntime } from './runtime.js'

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

/** A program of its own: the folder of the epochs goes, `close` fails, and nothing is left to do. */
const program = `
import { renameSync } from 'node:fs'
import { createRuntime } from ${JSON.stringify(import.meta.resolve('../dist/runtime/index.js'))}
import { payments } from ${JSON.stringify(import.meta.resolve('../dist/actors/index.js'))}
const [dataDir, threads] = process.argv.slice(2)
const options = { dataDir, actors: payments.actors, threads: Number(threads), shards: 2 }
const runtime = await createRuntime({ ...options, onFailure: () => undefined })
renameSync(dataDir + '/epochs', dataDir + '/elsewhere')
await runtime.close().catch(({ code }) => console.log(code))
`

describe('a close that fails', () => {
  it.each([0, 1])('tells why and lets the process end, with %i threads', async (threads) => {
    const file = join(dataDir, 'program.mjs')
    writeFileSync(file, program)
    const args = [file, join(dataDir, 'data'), String(threads)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let told = ''
    child.stdout.on('data', (bytes: Buffer) => (told += bytes.toString()))
    const tooLong = setTimeout(() => child.kill('SIGKILL'), 60_000)
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
    clearTimeout(tooLong)
    expect([told, code, signal]).toEqual(['journal_failed\n', 0, null])
  })

  it('Z3: says that the folder is gone, which is then opened again where it is found', async () => {
    const runtime = await open({ onFailure: () => undefined })
    const visits = runtime.actor(counter, 'visits')
    await visits.add(undefined)
    renameSync(join(dataDir, 'epochs'), join(dataDir, 'elsewhere'))
    const closing = runtime.close()
    await expect(closing).rejects.toMatchObject({ code: 'journal_failed' })
    await expect(closing).rejects.toThrow('is not there any more')
    await expect(runtime.shardStatus()).rejects.toMatchObject(closed)
    renameSync(join(dataDir, 'elsewhere'), join(dataDir, 'epochs'))
    // What was let go could not be noted there.
    const again = await open({ takeOver: true })
    expect(await again.actor(counter, 'visits').value()).toBe(1)
    await again.close()
  })

  it('Z1: says that another owns the folder, who goes on', async () => {
    // It may notice before it is closed.
    const told: unknown[] = []
    const runtime = await open({ onFailure: (error) => told.push(error) })
    await runtime.actor(counter, 'visits').add(undefined)
    const successor = await open({ takeOver: true })
    await runtime.close().catch((error: unknown) => told.push(error))
    expect(told).toMatchObject([{ code: 'fenced' }])
    expect(await successor.actor(counter, 'visits').add(undefined)).toBe(2)
    await successor.close()
    const third = await open()
    expect(third.recovery.clean).toBe(true)
    expect(await third.actor(counter, 'visits').value()).toBe(2)
    await third.close()
  })
})

/** A runtime whose snapshots can't be written, and what it says to the operator as it ends. */
async function stopsFor(error: Error): Promise<{ said: string[]; asked: Promise<unknown> }> {
  const real = nodeEnv()
  const said: string[] = []
  const disk: Disk = {
    ...real.disk,
    open: (path, mode) =>
      mode === 'create' && path.includes('/snapshots/')
        ? Promise.reject(error)
        : real.disk.open(path, mode),
  }
  // Ends nothing here: there is more to look at.
  const end = (sentence: string): never => said.push(sentence) as never
  const actors = { definitions: [counter] }
  const runtime = await openRuntime(
    { ...real, disk, processes: { ...real.processes, end } },
    { dataDir, actors, threads: 0, shards: 2 },
  )
  const visits = runtime.actor(counter, 'visits')
  await visits.add(undefined)
  await runtime.snapshot().catch(() => undefined)
  const asked = visits.add(undefined)
  await asked.catch(() => undefined)
  await runtime.close()
  return { said, asked }
}

describe('a runtime that stops without being told whom to tell', () => {
  const system = (code: string, what: string): Error =>
    Object.assign(new Error(`${code}: ${what}, write`), { code, syscall: 'write' })
  const then =
    'then start again and ask with the same idempotency key; nothing that was acknowledged is lost.'
  const ways: Record<string, [error: Error, sentence: string]> = {
    'a full disk': [
      system('ENOSPC', 'no space left on device'),
      `ENOSPC: no space left on device, write. Make room, ${then}`,
    ],
    'a disk that fails': [
      system('EIO', 'i/o error'),
      `EIO: i/o error, write. Mend the disk, ${then}`,
    ],
    'a bug, of which no disk is to blame': [
      new Error('the totals are wrong'),
      'the totals are wrong',
    ],
  }

  it.each(Object.keys(ways))(
    '%s: prints the code and what to do, and answers the same',
    async (way) => {
      const [error, sentence] = ways[way]!
      const { said, asked } = await stopsFor(error)
      expect(said).toEqual([`suanpan: stopped: journal_failed: ${sentence}`])
      const why = { code: 'journal_failed', outcome: 'unknown', message: sentence }
      await expect(asked).rejects.toMatchObject(why)
    },
  )
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

/** Its totals stop adding up when they are told to: a bug, for which the shard stops. */
const broken = { so: false }
const tally: TallyDefinition<null> = {
  initial: () => null,
  observe: () => undefined,
  sent: () => undefined,
  received: () => undefined,
  check: () => (broken.so ? 'the totals are wrong' : undefined),
}

describe('a runtime that has stopped', () => {
  const failures: Error[] = []
  const ways: Record<string, (runtime: Runtime) => Promise<Runtime | undefined>> = {
    'for a bug': async () => {
      broken.so = true
      return Promise.resolve(undefined)
    },
    'because another process took its folder over': () => open({ takeOver: true }),
  }

  afterEach(() => {
    broken.so = false
    failures.length = 0
  })

  it.each(Object.keys(ways))('%s says so to whoever asks for work', async (way) => {
    const onFailure = (error: Error): void => void failures.push(error)
    const runtime = await open({ onFailure, actors: { definitions: [counter], tally } })
    const visits = runtime.actor(counter, 'visits')
    await visits.add(undefined)
    const other = await ways[way]!(runtime)
    const begun = way === 'for a bug' ? [runtime.snapshot(), runtime.comparePairs()] : []
    const why = { code: way === 'for a bug' ? 'journal_failed' : 'fenced', outcome: 'unknown' }
    await expect(visits.add(undefined)).rejects.toMatchObject(why)
    expect(failures).toHaveLength(1)
    await Promise.allSettled(begun)
    for (let i = 0; i < 2; i++) {
      await expect(runtime.snapshot()).rejects.toMatchObject(why)
      await expect(runtime.comparePairs()).rejects.toMatchObject(why)
      await expect(runtime.shardStatus()).rejects.toMatchObject(why)
      await expect(runtime.quarantined()).rejects.toMatchObject(why)
      await expect(runtime.release('counter/visits')).rejects.toMatchObject(why)
    }
    expect(await runtime.ready()).toBe(false)
    await runtime.close()
    await other?.close()
  })
})

it.each([undefined, null, 5, {}, 'counter'])(
  'a release of %j is told what is wrong',
  async (odd) => {
    const runtime = await open()
    const wrong = { code: 'invalid_request', message: expect.stringContaining('is no address') }
    await expect(runtime.release(odd as string)).rejects.toMatchObject(wrong)
    await runtime.close()
  },
)
