import { describe, expect, it } from 'vitest'
import { OpenRefused } from '../../errors.js'
import { dataDir, FolderOwner, framesIn } from '../testing/folder-owner.js'
import { JournalEnv } from '../testing/journal-env.js'
import type { MemoryDisk } from '../testing/memory-disk.js'
import { inspectFolder, scanLineage } from './index.js'

const segment = (disk: MemoryDisk, index: number): string =>
  disk.paths().filter((path) => path.endsWith('.seg'))[index]!

/** What a start would say of the folder. */
async function verdict(env: JournalEnv): Promise<'refused' | 'torn' | 'whole'> {
  try {
    const { report } = await scanLineage(env.disk, dataDir)
    return report.tornTails.length > 0 ? 'torn' : 'whole'
  } catch (error) {
    if (!(error instanceof OpenRefused)) throw error
    expect(error.place?.file).toContain(dataDir)
    expect(error.message).toContain(error.place!.file)
    return 'refused'
  }
}

/** A folder with two segments in use, owned and left by a crash, or closed. */
async function folderWith(end: 'crash' | 'close'): Promise<JournalEnv> {
  const env = new JournalEnv()
  const owner = await FolderOwner.open(env, { segmentBytes: 4_096 })
  for (let i = 0; i < 6; i++) await owner.append([0, 1, 2], 300)
  if (end === 'close') await owner.close()
  return new JournalEnv(env.disk.copy(), 2)
}

describe('a cleanly closed folder', () => {
  it('is whole', async () => {
    expect(await verdict(await folderWith('close'))).toBe('whole')
  })

  it('is refused when any file but the owner’s heartbeat is missing', async () => {
    const env = await folderWith('close')
    for (const path of env.disk.paths()) {
      const disk = env.disk.copy()
      await disk.remove(path)
      expect([path, await verdict(new JournalEnv(disk))]).toEqual([path, 'refused'])
    }
  })

  it('is refused when any byte of a record is changed or missing', async () => {
    const env = await folderWith('close')
    for (const path of env.disk.paths().filter((name) => !name.endsWith('.seg'))) {
      const good = Buffer.from(env.disk.bytesOf(path))
      for (let bit = 0; bit < good.length * 8; bit++) {
        const bad = Buffer.from(good)
        bad[bit >> 3]! ^= 1 << (bit & 7)
        env.disk.replace(path, bad)
        expect([path, bit, await verdict(env)]).toEqual([path, bit, 'refused'])
      }
      for (let length = 0; length < good.length; length++) {
        env.disk.replace(path, good.subarray(0, length))
        expect([path, length, await verdict(env)]).toEqual([path, length, 'refused'])
      }
      env.disk.replace(path, good)
    }
  })

  it('C3: is refused when two of its records change places', async () => {
    const env = await folderWith('close')
    const records = env.disk.paths().filter((name) => !name.endsWith('.seg'))
    for (const one of records) {
      for (const other of records.filter((path) => path > one)) {
        const disk = env.disk.copy()
        disk.replace(one, Buffer.from(env.disk.bytesOf(other)))
        disk.replace(other, Buffer.from(env.disk.bytesOf(one)))
        expect([one, other, await verdict(new JournalEnv(disk))]).toEqual([one, other, 'refused'])
      }
    }
  })

  it('Y1: is refused, and again, when nothing but the manifest is left', async () => {
    const env = await folderWith('close')
    for (const path of env.disk.paths()) if (!path.endsWith('manifest')) await env.disk.remove(path)
    for (const _ of ['first', 'second']) {
      await expect(FolderOwner.open(env)).rejects.toMatchObject({
        code: 'damaged',
        place: { file: `${dataDir}/epochs` },
      })
    }
  })

  it('Y2: is refused when only its snapshots are left', async () => {
    const env = new JournalEnv()
    await env.disk.makeFolder(`${dataDir}/snapshots/00000`)
    const snapshot = `${dataDir}/snapshots/00000/0000000000000064-00000001.snap`
    await (await env.disk.open(snapshot, 'create')).close()
    await expect(FolderOwner.open(env)).rejects.toMatchObject({
      code: 'damaged',
      place: { file: `${dataDir}/manifest` },
    })
  })

  it('is refused when the end of a segment is cut, or any 64 bytes of it are zero or garbage', async () => {
    const env = await folderWith('close')
    for (const path of env.disk.paths().filter((name) => name.endsWith('.seg'))) {
      const good = Buffer.from(env.disk.bytesOf(path))
      for (let at = 0; at < good.length; at += 16) {
        env.disk.replace(path, good.subarray(0, at))
        expect(await verdict(env)).toBe('refused')
        for (const filler of [0, 0xa5]) {
          const bad = Buffer.from(good).fill(filler, at, Math.min(at + 64, good.length))
          if (bad.equals(good)) continue
          env.disk.replace(path, bad)
          expect([path, at, filler, await verdict(env)]).toEqual([path, at, filler, 'refused'])
        }
      }
      env.disk.replace(path, good)
    }
  })
})

describe('a folder left by a crash', () => {
  it('A3: is refused when a segment is missing, but for an empty one at the end', async () => {
    const env = await folderWith('crash')
    for (const index of [0, 1]) {
      const disk = env.disk.copy()
      await disk.remove(segment(disk, index))
      expect(await verdict(new JournalEnv(disk))).toBe('refused')
    }
    await env.disk.remove(segment(env.disk, 2))
    expect(await verdict(env)).toBe('whole')
  })

  it('W5: is refused when the newest segment is missing, though its successor was never made', async () => {
    const env = new JournalEnv()
    const owner = await FolderOwner.open(env, { segmentBytes: 4_096 })
    env.disk.onOperation = (operation, path) => {
      if (operation === 'create' && path.includes('-00000002.seg')) throw new Error('ENOSPC')
    }
    for (let i = 0; i < 4; i++) await owner.append([0, 1, 2], 300)
    expect(env.disk.paths().filter((path) => path.endsWith('.seg'))).toHaveLength(2)
    const left = new JournalEnv(env.disk.copy(), 2)
    expect(await verdict(left)).toBe('whole')
    await left.disk.remove(segment(left.disk, 1))
    expect(await verdict(left)).toBe('refused')
  })

  it('A4: is whole when its last owner wakes up and makes a segment after it was listed', async () => {
    const env = await folderWith('crash')
    const later = [1, 2].map((index) => segment(env.disk, index))
    const list = env.disk.list.bind(env.disk)
    env.disk.list = async (path) =>
      (await list(path)).filter((name) => !later.some((one) => one.endsWith(name)))
    expect(await verdict(env)).toBe('whole')
  })

  it('A3: is refused when all segments of a lane are missing', async () => {
    const env = new JournalEnv()
    const owner = await FolderOwner.open(env, { lanes: 2 })
    await owner.append([0, 1, 2, 3])
    for (const path of env.disk.paths()) {
      if (path.includes('-00001-')) await env.disk.remove(path)
    }
    expect(await verdict(env)).toBe('refused')
  })

  it('A2: is refused when the adoption record is missing, instead of starting anew', async () => {
    for (const path of ['manifest', 'epochs/0000000001.adopted', 'epochs/0000000001']) {
      const env = await folderWith('crash')
      await env.disk.remove(`${dataDir}/${path}`)
      expect(await verdict(env)).toBe('refused')
      await expect(FolderOwner.open(env)).rejects.toMatchObject({ code: 'damaged' })
    }
  })

  it('J4: is refused when a group in the middle is lost, though all bytes around it are good', async () => {
    const env = await folderWith('crash')
    const path = segment(env.disk, 0)
    const good = env.disk.bytesOf(path)
    const second = good.indexOf('SGRP', 65)
    const third = good.indexOf('SGRP', second + 1)
    env.disk.replace(path, Buffer.from(good).fill(0, second, third))
    expect(await verdict(env)).toBe('refused')
    // Moved together, the groups are whole but not each other's.
    const moved = Buffer.concat([good.subarray(0, second), good.subarray(third)])
    env.disk.replace(path, Buffer.concat([moved, Buffer.alloc(third - second)]))
    expect(await verdict(env)).toBe('refused')
  })

  it('B4: a group of another segment does not count in this one', async () => {
    const env = await folderWith('crash')
    const [from, to] = [segment(env.disk, 0), segment(env.disk, 2)]
    const bytes = Buffer.from(env.disk.bytesOf(to))
    env.disk.bytesOf(from).copy(bytes, 64, 64, 2_000)
    env.disk.replace(to, bytes)
    expect(await verdict(env)).toBe('torn')
  })

  it('a client can’t make its text pass for a group: a torn one stays torn', async () => {
    const env = new JournalEnv()
    const owner = await FolderOwner.open(env)
    await owner.append([0])
    const path = segment(env.disk, 0)
    const group = Buffer.from(env.disk.bytesOf(path).subarray(64, 300))
    const bad = Buffer.from(env.disk.bytesOf(path))
    bad.fill(7, 64, 70)
    group.writeUInt32LE(1234, 24)
    group.copy(bad, 800)
    env.disk.replace(path, bad)
    expect(await verdict(env)).toBe('torn')
  })
})

describe('inspecting a folder', () => {
  it('I2: reads a folder whose owner lives, changes nothing, and says so', async () => {
    const env = new JournalEnv()
    const owner = await FolderOwner.open(env)
    await owner.append([0, 1])
    await new Promise<void>((resolve) => setImmediate(resolve))
    const { operations } = env.disk
    const lines: number[] = []
    const found = await inspectFolder(env, dataDir, (frame) => lines.push(frame.shard))
    expect(env.disk.operations).toBe(operations)
    expect(lines).toEqual([0, 1])
    expect(found).toMatchObject({ epoch: 1, owner: { pid: 1, fate: 'running' } })
    expect(found.notes).toHaveLength(1)
    await owner.append([0])
    await owner.close()
    const after = await inspectFolder(env, dataDir)
    expect(after).toMatchObject({ owner: { fate: 'none' }, report: { clean: true }, notes: [] })
    expect(after.heads.get(0)!.ordinal).toBe(4)
    expect(await framesIn(env)).toHaveLength(3)
  })
})
