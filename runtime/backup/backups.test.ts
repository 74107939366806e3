/**
 * Backups of a folder that is being served, on real files: whole, of one moment, and out of the way of all else.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addressOf } from '../actor/address.js'
import { defineActor } from '../actor/define-actor.js'
import type { Disk, DiskFile, Env } from '../env/env.js'
import { nodeEnv } from '../env/node-env.js'
import { inspectDataFolder } from '../inspect.js'
import type { Runtime } from '../runtime-interface.js'
import { openRuntime } from '../runtime.js'

const jar = defineActor({
  kind: 'jar',
  state: { beans: 0 },
  events: { changed: (state, { by }: { by: number }) => ({ beans: state.beans + by }) },
  commands: {
    fill(turn, { beans }: { beans: number }) {
      turn.emit('changed', { by: beans })
      return turn.state.beans
    },
    pour(turn, { beans, into }: { beans: number; into: string }) {
      turn.emit('changed', { by: -beans })
      turn.send(addressOf('jar', into), 'fill', { beans })
      return turn.state.beans
    },
  },
  queries: { beans: (view) => view.self.beans },
})
const actors = { definitions: [jar] }
const jars = ['red', 'rose', 'plum', 'oak', 'elm', 'fir']
const beansOfAll = jars.length * 1000

let base = ''
let dataDir = ''
let target = ''

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'suanpan-backup-'))
  dataDir = join(base, 'data')
  target = join(base, 'copy')
})

afterEach(() => {
  rmSync(base, { recursive: true, force: true })
})

async function open(folder = dataDir, disk: Partial<Disk> = {}): Promise<Runtime> {
  const real = nodeEnv()
  const env: Env = { ...real, disk: { ...real.disk, ...disk } }
  return openRuntime(env, {
    dataDir: folder,
    actors,
    ...{ threads: 0, segmentBytes: 16_384, snapshotJournalBytes: 16_384 },
    ...(existsSync(folder) ? {} : { shards: 4 }),
    onFailure: () => undefined,
  })
}

async function filled(disk: Partial<Disk> = {}): Promise<Runtime> {
  const runtime = await open(dataDir, disk)
  for (const name of jars) await runtime.command(`jar/${name}`, 'fill', { beans: 1000 })
  return runtime
}

/** Pours, again and again, until it is told to stop. */
class Load {
  /** By key, what was answered. */
  readonly answers = new Map<
    string,
    { readonly command: readonly unknown[]; readonly value: unknown }
  >()
  private stopped = false
  private readonly clients: Promise<void>[]

  constructor(runtime: Runtime, prefix: string) {
    this.clients = Array.from({ length: 8 }, async (_, client) => {
      for (let i = 0; !this.stopped; i++) {
        const [from, into] = [jars[(client + i) % 6]!, jars[(client + 3 * i + 1) % 6]!]
        const idempotencyKey = `${prefix}-${client}-${i}`
        const command = [`jar/${from}`, 'pour', { beans: 1, into }] as const
        const { value } = await runtime.command(...command, { idempotencyKey })
        this.answers.set(idempotencyKey, { command, value })
      }
    })
  }

  async stop(): Promise<void> {
    this.stopped = true
    await Promise.all(this.clients)
  }

  async reaches(answers: number): Promise<void> {
    await expect
      .poll(() => this.answers.size, { interval: 1, timeout: 20_000 })
      .toBeGreaterThan(answers)
  }
}

async function beansIn(runtime: Runtime): Promise<number> {
  let sum = 0
  for (const name of jars) sum += (await runtime.query(`jar/${name}`, 'beans', undefined)) as number
  return sum
}

/** Opens a backup: it is whole, nothing is lost or made, and every one of these answers is known. */
async function check(folder: string, answers: Load['answers']): Promise<void> {
  await inspectDataFolder({ dataDir: folder, actors })
  const runtime = await open(folder)
  try {
    await expect.poll(() => beansIn(runtime), { interval: 1 }).toBe(beansOfAll)
    const again = await Promise.all(
      [...answers].map(async ([idempotencyKey, { command }]) => {
        const [address, name, input] = command as ['jar/red', string, unknown]
        const { replayed, value } = await runtime.command(address, name, input, { idempotencyKey })
        return [idempotencyKey, replayed, value]
      }),
    )
    expect(again).toEqual([...answers].map(([key, { value }]) => [key, true, value]))
  } finally {
    await runtime.close()
  }
}

/** What a call waits for until it is let go. */
function gate(): {
  readonly passed: Promise<void>
  reached: Promise<void>
  pass(): Promise<void>
  open(): void
} {
  let open: () => void = () => undefined
  let reach: () => void = () => undefined
  const passed = new Promise<void>((resolve) => (open = resolve))
  const reached = new Promise<void>((resolve) => (reach = resolve))
  const pass = (): Promise<void> => {
    reach()
    return passed
  }
  return { passed, reached, pass, open }
}

const inBackup = (path: string): boolean => path.includes('copy.part')

describe('a backup of a folder that is being served', { timeout: 60_000 }, () => {
  it('BK1, BK2: under load, again and again: opens whole, with all that was acknowledged before', async () => {
    const runtime = await filled()
    const load = new Load(runtime, 'a')
    const made: [folder: string, before: Load['answers']][] = []
    for (let round = 1; round <= 6; round++) {
      await load.reaches(round * 150)
      const before = new Map(load.answers)
      const report = await runtime.backup(`${target}-${round}`)
      expect(report).toMatchObject({ target: `${target}-${round}`, epoch: 1, shards: 4 })
      expect(report.ordinals).toBeGreaterThan(before.size)
      made.push([report.target, before])
    }
    await load.stop()
    await runtime.close()
    for (const [folder, before] of made) await check(folder, before)
    await check(dataDir, load.answers)
  })

  it('BK3: what snapshots stand for stays while it is copied, and goes afterwards', async () => {
    const copying = gate()
    const held: Partial<Disk> = {
      async open(path, mode) {
        if (inBackup(path) && path.includes('.seg')) await copying.pass()
        return nodeEnv().disk.open(path, mode)
      },
    }
    const runtime = await filled(held)
    const load = new Load(runtime, 'a')
    await load.reaches(300)
    const before = new Map(load.answers)
    const making = runtime.backup(target)
    await copying.reached
    const segments = (): string[] =>
      readdirSync(join(dataDir, 'journal')).filter((name) => name.endsWith('.seg'))
    const there = segments()
    await load.reaches(2400)
    await load.stop()
    for (let round = 0; round < 3; round++) await runtime.snapshot()
    expect(segments()).toEqual(expect.arrayContaining(there))
    copying.open()
    await making
    await check(target, before)
    // Of shards that do nothing any more, too.
    await runtime.snapshot()
    expect(segments()).not.toContain(there[0])
    await runtime.close()
  })

  it('BK1: takes the journal up to its last group, and not what was written behind it meanwhile', async () => {
    const copying = gate()
    const held: Partial<Disk> = {
      async open(path, mode) {
        if (inBackup(path) && path.endsWith('.adopted')) await copying.pass()
        return nodeEnv().disk.open(path, mode)
      },
    }
    const runtime = await filled(held)
    const making = runtime.backup(target)
    await copying.reached
    await runtime.command('jar/red', 'fill', { beans: 7 }, { idempotencyKey: 'later' })
    copying.open()
    const { ordinals } = await making
    expect(ordinals).toBe(jars.length)
    await check(target, new Map())
    await runtime.close()
  })

  it('goes on beside the original, has its permissions, and no owner', async () => {
    const runtime = await filled()
    chmodSync(dataDir, 0o750)
    chmodSync(join(dataDir, 'manifest'), 0o600)
    await runtime.backup(target)
    const mode = (path: string): number => statSync(path).mode & 0o777
    expect([mode(target), mode(join(target, 'manifest'))]).toEqual([0o750, 0o600])
    const copy = await open(target)
    expect(copy.epoch).toBe(2)
    expect(copy.recovery.tornTails).toEqual([])
    await copy.close()
    await runtime.close()
  })
})

describe('a backup that can not be made', { timeout: 60_000 }, () => {
  /** Fails with this code, leaves nothing, and the next one is made. */
  async function refuses(runtime: Runtime, code: string, to = target): Promise<void> {
    await expect(runtime.backup(to)).rejects.toMatchObject({ code, outcome: 'not_executed' })
    expect(readdirSync(base).filter((name) => name.endsWith('.part'))).toEqual([])
    await runtime.command('jar/red', 'fill', { beans: 0 })
  }

  it('says where none can be: taken, being written, inside the data folder, in no folder', async () => {
    const runtime = await filled()
    await refuses(runtime, 'backup_target_taken', dataDir)
    await refuses(runtime, 'backup_target_invalid', join(dataDir, 'copy'))
    await refuses(runtime, 'backup_target_invalid', join(dataDir, 'journal', 'copy'))
    await refuses(runtime, 'backup_target_invalid', join(base, 'missing', 'copy'))
    mkdirSync(`${target}.part`)
    const taken = {
      code: 'backup_target_taken',
      message: expect.stringContaining('.part') as unknown,
    }
    await expect(runtime.backup(target)).rejects.toMatchObject(taken)
    expect(existsSync(`${target}.part`)).toBe(true)
    await runtime.close()
  })

  it('BK6: a disk that is full, or fails: says so, removes what is there, and goes on', async () => {
    const error = (code: string) => Object.assign(new Error(`${code}: as it should`), { code })
    let failing: { readonly code: string; readonly at: keyof DiskFile | keyof Disk } | undefined
    const real = nodeEnv().disk
    const disk: Partial<Disk> = {
      async open(path, mode) {
        const file = await real.open(path, mode)
        if (!inBackup(path)) return file
        const fail = (at: keyof DiskFile) =>
          failing?.at === at && Promise.reject(error(failing.code))
        return {
          read: (...place) => file.read(...place),
          write: (...piece) => fail('write') || file.write(...piece),
          sync: () => fail('sync') || file.sync(),
          size: () => file.size(),
          close: () => file.close(),
        }
      },
      rename: (from, to) =>
        failing?.at === 'rename' && to === target
          ? Promise.reject(error(failing.code))
          : real.rename(from, to),
      syncFolder: (path) =>
        failing?.at === 'syncFolder' && path === base
          ? Promise.reject(error(failing.code))
          : real.syncFolder(path),
      freeBytes: (path) =>
        failing?.at === 'freeBytes' ? Promise.resolve(9000) : real.freeBytes(path),
    }
    const runtime = await filled(disk)
    for (const [code, at, told] of [
      ['ENOSPC', 'write', 'backup_no_space'],
      ['ENOSPC', 'freeBytes', 'backup_no_space'],
      ['EDQUOT', 'sync', 'backup_no_space'],
      ['EIO', 'sync', 'backup_failed'],
      ['EXDEV', 'rename', 'backup_failed'],
      ['EIO', 'syncFolder', 'backup_failed'],
    ] as const) {
      failing = { code, at }
      await refuses(runtime, told)
      expect([code, existsSync(target)]).toEqual([code, false])
    }
    failing = undefined
    const load = new Load(runtime, 'a')
    await load.reaches(200)
    await load.stop()
    await runtime.backup(target)
    await check(target, load.answers)
    await runtime.close()
  })

  it('one at a time; closing ends it and removes what it wrote', async () => {
    const copying = gate()
    const held: Partial<Disk> = {
      async open(path, mode) {
        if (inBackup(path) && path.includes('.seg')) await copying.pass()
        return nodeEnv().disk.open(path, mode)
      },
    }
    const runtime = await filled(held)
    const making = runtime.backup(target)
    making.catch(() => undefined)
    await copying.reached
    await expect(runtime.backup(join(base, 'other'))).rejects.toMatchObject({
      code: 'backup_running',
    })
    const closing = runtime.close()
    copying.open()
    await expect(making).rejects.toMatchObject({ code: 'closed' })
    await closing
    await expect(runtime.backup(target)).rejects.toMatchObject({ code: 'closed' })
    expect(readdirSync(base)).toEqual(['data'])
    await check(dataDir, new Map())
  })

  it('BK6: a disk on which nothing comes to its end: gives up in time, and goes on when the disk does', async () => {
    const stuck = gate()
    let isStuck = false
    const disk: Partial<Disk> = {
      async open(path, mode) {
        const file = await nodeEnv().disk.open(path, mode)
        if (!path.includes('.seg')) return file
        return {
          read: (...place) => file.read(...place),
          write: (...piece) => file.write(...piece),
          sync: async () => {
            if (isStuck) await stuck.pass()
            await file.sync()
          },
          size: () => file.size(),
          close: () => file.close(),
        }
      },
    }
    const runtime = await filled(disk)
    isStuck = true
    const waiting = runtime.command('jar/red', 'fill', { beans: 0 })
    await stuck.reached
    const begunAt = performance.now()
    await expect(runtime.backup(target)).rejects.toMatchObject({ code: 'backup_stalled' })
    expect(performance.now() - begunAt).toBeLessThan(10_000)
    expect(readdirSync(base)).toEqual(['data'])
    isStuck = false
    stuck.open()
    await waiting
    await runtime.backup(target)
    await check(target, new Map())
    await runtime.close()
  })
})
