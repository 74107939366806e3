import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { nodeEnv } from './node-env.js'

const folder = mkdtempSync(join(tmpdir(), 'suanpan-env-'))
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

const { disk, processes } = nodeEnv()

describe('the disk', () => {
  it('writes at positions and reads back, shorter at the end', async () => {
    const path = join(folder, 'file')
    const file = await disk.open(path, 'create')
    await file.write(Buffer.from('world'), 6)
    await file.write(Buffer.from('hello '), 0)
    await file.sync()
    expect(Buffer.from(await file.read(6, 100)).toString()).toBe('world')
    expect(await file.read(100, 5)).toHaveLength(0)
    expect(await file.size()).toBe(11)
    await file.close()
    expect(readFileSync(path, 'utf8')).toBe('hello world')
  })

  it.runIf(process.platform === 'linux')(
    'asks the kernel for every sync: what can not be synced says so',
    async () => {
      const file = await disk.open('/dev/null', 'readwrite')
      await expect(file.sync()).rejects.toMatchObject({ code: 'EINVAL' })
      await file.close()
      await expect(disk.syncFolder('/proc')).rejects.toMatchObject({ code: 'EINVAL' })
    },
  )

  it.runIf(process.platform === 'linux')(
    'names the file that can not be written, read or synced, by the name it has now',
    async () => {
      const [draft, path] = [join(folder, 'draft'), join(folder, 'named')]
      writeFileSync(draft, 'x')
      const file = await disk.open(draft, 'read')
      await disk.rename(draft, path)
      for (const bytes of [1, 100_000]) {
        const writing = file.write(Buffer.alloc(bytes), 0)
        const message = expect.stringMatching(/write '.*\/named'$/) as unknown
        await expect(writing).rejects.toMatchObject({ code: 'EBADF', path, message })
      }
      await file.close()
      const unread = await disk.open('/proc/self/mem', 'read')
      const mem = expect.stringMatching(/^\/proc\/.*mem$/) as unknown
      await expect(unread.read(0, 1)).rejects.toMatchObject({ code: 'EIO', path: mem })
      await unread.close()
      const unsynced = await disk.open('/dev/null', 'readwrite')
      await expect(unsynced.sync()).rejects.toMatchObject({ code: 'EINVAL', path: '/dev/null' })
      await unsynced.close()
      await expect(disk.syncFolder('/proc')).rejects.toMatchObject({ path: '/proc' })
    },
  )

  it('creates exclusively, and says what is missing', async () => {
    const path = join(folder, 'exclusive')
    await (await disk.open(path, 'create')).close()
    await expect(disk.open(path, 'create')).rejects.toMatchObject({ code: 'EEXIST' })
    const missing = join(folder, 'missing')
    await expect(disk.open(missing, 'read')).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(disk.remove(missing)).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await disk.list(missing)).toEqual([])
    expect([disk.existsNow(path), disk.existsNow(missing)]).toEqual([true, false])
  })

  it('does not take a file it can’t look at for a missing one', () => {
    expect(() => disk.existsNow(join(folder, 'x'.repeat(300)))).toThrow('ENAMETOOLONG')
  })

  it('renames, removes, lists in order', async () => {
    const inner = join(folder, 'a', 'b')
    await disk.makeFolder(inner)
    await disk.makeFolder(inner)
    for (const name of ['2', '1', '3']) writeFileSync(join(inner, name), '')
    await disk.rename(join(inner, '3'), join(inner, '0'))
    await disk.remove(join(inner, '1'))
    await disk.syncFolder(inner)
    expect(await disk.list(inner)).toEqual(['0', '2'])
  })

  it('tells how long ago a heartbeat was', async () => {
    const path = join(folder, 'heartbeat')
    writeFileSync(path, '')
    const before = Date.now() / 1000 - 60
    utimesSync(path, before, before)
    const age = await disk.ageMs(path)
    expect(age).toBeGreaterThanOrEqual(60_000)
    await disk.touch(path)
    expect(await disk.ageMs(path)).toBeLessThan(age)
  })
})

describe('processes', () => {
  it('knows itself, and a process that never was', () => {
    const { self } = processes
    expect(self.pid).toBe(process.pid)
    expect(processes.fate(self)).toBe('running')
    expect(processes.fate({ ...self, pid: 4_194_303 })).toBe('gone')
    expect(processes.fate({ ...self, place: 'another machine' })).toBe('unknown')
  })

  it.runIf(process.platform === 'linux')('is not fooled by a pid used again', () => {
    expect(processes.fate({ ...processes.self, startedAt: '1' })).toBe('gone')
  })

  it.runIf(process.platform === 'linux')('sees a process run, paused, and gone', async () => {
    const child = spawn('sleep', ['60'])
    const pid = child.pid!
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const startedAt = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!
    const identity = { pid, startedAt, place: processes.self.place }
    const becomes = (fate: string): Promise<unknown> =>
      expect.poll(() => processes.fate(identity)).toBe(fate)
    await becomes('running')
    child.kill('SIGSTOP')
    await becomes('paused')
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
    await becomes('gone')
  })
})
