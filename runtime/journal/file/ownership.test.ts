import { describe, expect, it } from 'vitest'
import { Fault } from '../../errors.js'
import { dataDir, FolderOwner } from '../testing/folder-owner.js'
import { JournalEnv } from '../testing/journal-env.js'
import { allSurvives } from '../testing/memory-disk.js'
import { openerError, openFolder, openLane } from './index.js'

async function owned(fate: 'running' | 'paused' | 'gone' | 'unknown') {
  const first = new JournalEnv()
  first.fates.set(1, fate)
  const owner = await FolderOwner.open(first)
  await owner.append([0])
  return { owner, second: first.otherProcess(2) }
}

describe('a data folder', () => {
  it('is refused to a second process while the first runs, and changes nothing', async () => {
    const { owner, second } = await owned('running')
    const { operations } = second.disk
    const opening = FolderOwner.open(second)
    await expect(opening).rejects.toMatchObject({ code: 'data_dir_in_use' })
    await expect(opening).rejects.toThrow('process 1')
    expect(second.disk.paths().filter((path) => path.includes('0000000002'))).toEqual([])
    // Its own next segment may have been made meanwhile; nothing else was.
    expect(operations).toBeGreaterThan(0)
    await owner.append([0])
  })

  it('is refused twice to the same process, and free again once it is closed', async () => {
    const { owner } = await owned('running')
    await expect(FolderOwner.open(owner.env)).rejects.toThrow('(this one)')
    await owner.close()
    const again = await FolderOwner.open(owner.env)
    expect(again.folder.report).toEqual({ clean: true, tornTails: [] })
    expect(again.acknowledged.get(0)).toBe(2)
    await again.folder.abandon()
    expect((await FolderOwner.open(owner.env)).folder.report.clean).toBe(false)
  })

  it('Z1: of a paused owner is succeeded; that one wakes up fenced, and its bytes are nobody’s', async () => {
    const { owner, second } = await owned('paused')
    const successor = await FolderOwner.open(second)
    await expect(owner.append([0], 99)).rejects.toMatchObject({ code: 'fenced' })
    await expect(owner.append([0], 99)).rejects.toMatchObject({ code: 'fenced' })
    await expect(owner.folder.close([])).rejects.toBeDefined()
    await successor.append([0], 11)
    const expected = await successor.frames()
    await successor.close()
    const third = await FolderOwner.open(second.otherProcess(3))
    expect(third.folder.report.tornTails).toEqual([])
    expect((await third.frames()).filter((line) => expected.includes(line))).toEqual(expected)
    expect(third.acknowledged.get(0)).toBe(4)
  })

  it('A4: an owner that was writing when it was succeeded does not disturb later openers', async () => {
    const { owner, second } = await owned('paused')
    const writing = owner.append([0], 2_000)
    const successor = await FolderOwner.open(second)
    await writing.catch(() => undefined)
    const kept = successor.acknowledged.get(0)!
    await successor.close()
    const third = await FolderOwner.open(second.otherProcess(3))
    expect(third.acknowledged.get(0)).toBe(kept)
  })

  it('of an owner on another machine is opened when that has been silent, refused when it is heard', async () => {
    const silent = await owned('unknown')
    silent.owner.folder.stopHeartbeat()
    expect((await FolderOwner.open(silent.second)).acknowledged.get(0)).toBe(2)
    expect(silent.second.disk.now).toBeGreaterThan(10_000)

    const { second } = await owned('unknown')
    await expect(FolderOwner.open(second)).rejects.toThrow('another machine')
    expect(second.disk.now).toBeLessThan(10_000)
  })

  it('is taken over from a running owner when asked to, and that one is fenced', async () => {
    const { owner, second } = await owned('running')
    const successor = await FolderOwner.open(second, { takeOver: true })
    await expect(owner.append([0])).rejects.toMatchObject({ code: 'fenced' })
    await expect(owner.lanes[0]!.truncate(new Map([[0, 99]]))).rejects.toMatchObject({
      code: 'fenced',
    })
    await successor.append([0])
  })

  it('O4: goes to one of two that open it at once', async () => {
    for (let i = 0; i < 10; i++) {
      const first = new JournalEnv()
      first.fates.set(1, 'running').set(2, 'running')
      const openings = [1, 2].map((pid) => FolderOwner.open(first.otherProcess(pid)))
      const results = await Promise.allSettled(openings)
      const refused = results.flatMap((one): unknown[] =>
        one.status === 'rejected' ? [one.reason] : [],
      )
      expect(refused).toHaveLength(1)
      expect(refused[0]).toMatchObject({ code: 'data_dir_in_use' })
    }
  })

  it('A5: a slow opener that was overtaken removes nothing of its successor', async () => {
    const base = new JournalEnv()
    await (await FolderOwner.open(base)).append([0])
    const slow = base.otherProcess(2)
    const fast = base.otherProcess(3)
    base.fates.set(2, 'paused')
    let overtaken: FolderOwner | undefined
    const rename = base.disk.rename.bind(base.disk)
    base.disk.rename = async (from, to) => {
      if (to.endsWith('0000000002.adopted')) {
        base.disk.rename = rename
        overtaken = await FolderOwner.open(fast)
        await overtaken.append([0])
      }
      return rename(from, to)
    }
    await expect(FolderOwner.open(slow)).rejects.toMatchObject({ code: 'data_dir_in_use' })
    await overtaken!.append([0])
    const next = await FolderOwner.open(new JournalEnv(base.disk.afterCrash(allSurvives), 4))
    expect(next.acknowledged.get(0)).toBe(6)
  })

  it('Z2: a slow opener that puts an epoch’s file back does not give the epoch back its owner', async () => {
    const base = new JournalEnv()
    await (await FolderOwner.open(base)).append([0])
    base.fates.set(3, 'paused').set(4, 'paused')
    let sleeper: FolderOwner | undefined
    const open = base.disk.open.bind(base.disk)
    base.disk.open = async (path, mode) => {
      if (path.endsWith('/0000000002') && mode === 'create') {
        base.disk.open = open
        // Epoch 2 is another's, and he is succeeded twice, before the slow one comes to it.
        sleeper = await FolderOwner.open(base.otherProcess(3))
        await FolderOwner.open(base.otherProcess(4))
        await FolderOwner.open(base.otherProcess(5))
      }
      return open(path, mode)
    }
    const slow = FolderOwner.open(base.otherProcess(2))
    await expect(slow).rejects.toMatchObject({ code: 'data_dir_in_use' })
    expect(base.disk.paths()).toContain('/data/epochs/0000000002')
    expect(() => sleeper!.lanes[0]!.isOwner()).toThrow('Another process owns')
    await expect(sleeper!.append([0])).rejects.toMatchObject({ code: 'fenced' })
  })

  it('A9: is left as it was by an opener that gives up before it adopts it', async () => {
    const { second } = await owned('gone')
    // The owner's next segment is made in the background.
    await expect.poll(() => second.disk.paths().join()).toContain('-00000001.seg')
    const others = (): string[] =>
      second.disk.paths().filter((path) => !path.includes('/epochs/0000000002'))
    const before = others().map((path) => [path, Buffer.from(second.disk.bytesOf(path))])
    const folder = await openFolder(second, { dataDir })
    expect(folder.plan.lastOrdinals).toEqual({ 0: 2 })
    await expect(openLane(second, folder.plan, 0, new Set([0]))).rejects.toThrow('was adopted')
    await folder.abandon()
    expect(others().map((path) => [path, Buffer.from(second.disk.bytesOf(path))])).toEqual(before)
    const next = await FolderOwner.open(second.otherProcess(3))
    expect(next.folder.epoch).toBe(3)
    expect(next.acknowledged.get(0)).toBe(2)
    expect(second.disk.paths().join()).not.toContain('/epochs/0000000002')
  })

  it('A9: is not adopted by who was overtaken while its shards were rebuilt', async () => {
    const { second } = await owned('gone')
    const folder = await openFolder(second, { dataDir })
    const successor = await FolderOwner.open(second.otherProcess(3), { takeOver: true })
    await expect(folder.adopt()).rejects.toMatchObject({ code: 'data_dir_in_use' })
    expect(second.disk.paths()).not.toContain('/data/epochs/0000000002.adopted')
    // Whatever of its files it misses, and also while it opens its lanes.
    for (const code of ['fenced', 'journal_failed'] as const) {
      const told = openerError(second, folder.plan, new Fault(code))
      expect(told).toMatchObject({ code: code === 'fenced' ? 'data_dir_in_use' : code })
    }
    await folder.abandon()
    await successor.append([0])
    expect((await FolderOwner.open(second.otherProcess(4))).acknowledged.get(0)).toBe(4)
  })

  it('tells apart another number of shards, with both numbers', async () => {
    const { owner, second } = await owned('gone')
    const opening = openFolder(second, { dataDir, shards: 8 })
    await expect(opening).rejects.toMatchObject({ code: 'shards_differ' })
    await expect(opening).rejects.toThrow(/4 shards.*8/)
    const folder = await openFolder(second, { dataDir })
    expect(folder.manifest).toEqual(owner.folder.manifest)
    expect(folder.manifest.secret).toMatch(/^[0-9a-f]{32}$/)
  })
})

describe('many restarts', () => {
  it('leave no heap of files behind', async () => {
    let env = new JournalEnv()
    for (let life = 1; life <= 12; life++) {
      const owner = await FolderOwner.open(env, { lanes: 1 + (life % 3) })
      await owner.append([0, 1, 2, 3])
      if (life % 2 === 0) await owner.close()
      env = new JournalEnv(env.disk.copy(), life + 1)
    }
    const owner = await FolderOwner.open(env)
    const inEpochs = env.disk.paths().filter((path) => path.includes('/epochs/'))
    expect(inEpochs.map((path) => path.slice(-20)).join()).not.toContain('0000000012')
    for (let i = 0; i < 20; i++) await owner.append([0, 1, 2, 3], 500)
    await owner.lanes[0]!.truncate(owner.acknowledged)
    const segments = env.disk.paths().filter((path) => path.endsWith('.seg'))
    expect(segments.length).toBeLessThanOrEqual(3)
    const { acknowledged } = owner
    const next = await FolderOwner.open(new JournalEnv(env.disk.copy(), 99))
    expect(next.acknowledged).toEqual(acknowledged)
    expect(next.folder.plan.firstOrdinals[0]).toBeGreaterThan(1)
    // A shard whose snapshots were lost can't be rebuilt, and that is said.
    await expect(next.frames()).rejects.toMatchObject({ code: 'damaged' })
  })
})
