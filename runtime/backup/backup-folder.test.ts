/**
 * Backups at any I/O call: what power loss leaves of the original and of the backup, and backups of folders that
 * nobody serves.
 */
import { describe, expect, it } from 'vitest'
import { defineActor } from '../actor/define-actor.js'
import { JournalEnv } from '../journal/testing/journal-env.js'
import { allSurvives, MemoryDisk, nothingSurvives } from '../journal/testing/memory-disk.js'
import { inspectFolder } from '../inspect.js'
import type { Runtime } from '../runtime-interface.js'
import { openRuntime } from '../runtime.js'
import { backupFolder } from './backup-folder.js'

const counter = defineActor({
  kind: 'counter',
  state: { value: 0 },
  events: { added: (state, _data: null) => ({ value: state.value + 1 }) },
  commands: {
    add(turn) {
      turn.emit('added', null)
      return turn.state.value
    },
  },
  queries: { value: (view) => view.self.value },
})
const actors = { definitions: [counter] }
const options = { dataDir: '/data', target: '/copy' }

function open(env: JournalEnv, dataDir = '/data'): Promise<Runtime> {
  const sizes = { shards: 2, segmentBytes: 1_024, snapshotJournalBytes: 4_096 }
  return openRuntime(env, { dataDir, actors, threads: 0, ...sizes, onFailure: () => undefined })
}

async function count(runtime: Runtime, times: number): Promise<void> {
  for (let i = 0; i < times; i++) await runtime.command(`counter/${i % 5}`, 'add', undefined)
}

async function countedIn(env: JournalEnv, dataDir: string): Promise<number> {
  const runtime = await open(env, dataDir)
  const values = await Promise.all(
    [0, 1, 2, 3, 4].map((key) => runtime.query(`counter/${key}`, 'value', undefined)),
  )
  await runtime.close()
  return (values as number[]).reduce((sum, value) => sum + value, 0)
}

/** A folder with snapshots and a journal behind which some is gone, that was closed, or not. */
async function folder(closed: boolean): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  const runtime = await open(new JournalEnv(disk))
  for (let round = 0; round < 4; round++) {
    await count(runtime, 10)
    await runtime.snapshot()
  }
  await count(runtime, 2)
  if (closed) await runtime.close()
  return disk.copy()
}

const filesOf = (disk: MemoryDisk, from: string): string[] =>
  disk.paths().filter((path) => path.startsWith(from))

describe('a backup of a folder that nobody serves', () => {
  it.each([
    ['was closed', true],
    ['was not', false],
  ])('opens as the original that %s, which stays as it was', async (_, closed) => {
    const disk = await folder(closed)
    const before = filesOf(disk, '/data')
    const contents = before.map((path) => disk.bytesOf(path))
    const report = await backupFolder(new JournalEnv(disk, 2), options)
    expect(before.map((path) => disk.bytesOf(path))).toEqual(contents)
    expect(report).toMatchObject({ target: '/copy', shards: 2, ordinals: 42, pauseMs: 0 })
    for (const dataDir of ['/copy', '/data']) {
      const found = await inspectFolder(new JournalEnv(disk, 3), { dataDir, actors })
      const clean = closed || dataDir === '/copy'
      expect([found.recovery.clean, found.counts.ordinals]).toEqual([clean, 42])
      expect(await countedIn(new JournalEnv(disk, 4), dataDir)).toBe(42)
    }
  })

  it('is refused of one that is in use, damaged, or not there', async () => {
    const disk = await folder(false)
    const env = new JournalEnv(disk, 7, new Map([[1, 'running']]))
    await expect(backupFolder(env, options)).rejects.toMatchObject({ code: 'data_dir_in_use' })
    env.fates.set(1, 'paused')
    await expect(backupFolder(env, options)).rejects.toMatchObject({ code: 'data_dir_in_use' })
    env.fates.set(1, 'gone')
    const none = backupFolder(env, { ...options, dataDir: '/none' })
    await expect(none).rejects.toMatchObject({ code: 'invalid_options' })
    const segment = filesOf(disk, '/data/journal').find((path) => path.endsWith('.seg'))!
    disk.bytesOf(segment).fill(7, 70, 80)
    await expect(backupFolder(env, options)).rejects.toMatchObject({ code: 'damaged' })
    expect(filesOf(disk, '/copy')).toEqual([])
  })
})

const ways: Record<string, (disk: MemoryDisk) => Promise<unknown>> = {
  'of a folder that nobody serves': (disk) => backupFolder(new JournalEnv(disk, 2), options),
  'of one that is being served': async (disk) => {
    const runtime = await open(new JournalEnv(disk, 2))
    await runtime.backup('/copy').finally(() => runtime.close())
  },
}

describe('BK7: a backup of which something is lost later', { timeout: 60_000 }, () => {
  it.each(Object.keys(ways))('%s: is damaged, wherever that is in its journal', async (way) => {
    const disk = await folder(false)
    await ways[way]!(disk)
    const inspect = (of: MemoryDisk) =>
      inspectFolder(new JournalEnv(of, 3), { dataDir: '/copy', actors })
    expect((await inspect(disk)).recovery.clean).toBe(true)
    const segments = filesOf(disk, '/copy/journal')
    expect(segments.length).toBeGreaterThan(1)
    for (const path of segments) {
      const bytes = disk.bytesOf(path)
      for (let at = 0; at < bytes.length; at += 5) {
        if (bytes[at] === 0) continue
        const changed = disk.copy()
        changed.bytesOf(path)[at]! ^= 1
        await expect(inspect(changed)).rejects.toMatchObject({ code: 'damaged' })
      }
      const without = disk.copy()
      await without.remove(path)
      await expect(inspect(without)).rejects.toMatchObject({ code: 'damaged' })
    }
  })

  it('of a folder with a torn tail: ends before that', async () => {
    const disk = await folder(false)
    const used = (bytes: Uint8Array) => bytes.findLastIndex((byte) => byte !== 0) + 1
    const segments = filesOf(disk, '/data/journal').filter((path) => path.endsWith('.seg'))
    // The one behind it was made ahead: there is only its header in it.
    const torn = segments.map((path) => disk.bytesOf(path)).findLast((bytes) => used(bytes) > 64)!
    const end = Math.ceil(used(torn) / 8) * 8
    torn.fill(7, end, end + 20)
    const { recovery } = await inspectFolder(new JournalEnv(disk, 3), { dataDir: '/data', actors })
    expect(recovery.tornTails).toHaveLength(1)
    await ways['of a folder that nobody serves']!(disk)
    const found = await inspectFolder(new JournalEnv(disk, 3), { dataDir: '/copy', actors })
    expect(found.recovery).toEqual({ clean: true, tornTails: [] })
    expect(await countedIn(new JournalEnv(disk, 4), '/copy')).toBe(42)
    expect(await countedIn(new JournalEnv(disk, 5), '/data')).toBe(42)
  })
})

describe('BK4: a backup that loses power at any I/O call', { timeout: 120_000 }, () => {
  it.each(Object.keys(ways))('%s: leaves the original, and a whole copy or none', async (way) => {
    const found = await folder(false)
    for (let step = 0; ; step++) {
      const disk = found.copy()
      disk.crashAt = step
      const done = await ways[way]!(disk).then(
        () => true,
        () => false,
      )
      for (const survives of [nothingSurvives, allSurvives]) {
        const left = disk.afterCrash(survives)
        expect(await countedIn(new JournalEnv(left, 3), '/data')).toBe(42)
        const part = filesOf(left, '/copy.part')
        // With its manifest it is whole, under another name. Of a folder without files nothing is to be taken for it.
        if (part.includes('/copy.part/manifest')) {
          expect(await countedIn(new JournalEnv(left.copy(), 4), '/copy.part')).toBe(42)
        } else if (part.length > 0) {
          const opening = open(new JournalEnv(left.copy(), 4), '/copy.part')
          await expect(opening.then(() => 'opened')).rejects.toMatchObject({ code: 'damaged' })
        }
        if (done || left.existsNow('/copy')) {
          expect(await countedIn(new JournalEnv(left, 5), '/copy')).toBe(42)
        }
      }
      if (!done) continue
      expect(step).toBeGreaterThan(40)
      return
    }
  })
})
