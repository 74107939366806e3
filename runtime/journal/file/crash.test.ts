import { describe, expect, it } from 'vitest'
import { OpenRefused } from '../../errors.js'
import { dataDir, FolderOwner, framesIn, seeded } from '../testing/folder-owner.js'
import { JournalEnv } from '../testing/journal-env.js'
import { allSurvives, MemoryDisk, nothingSurvives, type Survival } from '../testing/memory-disk.js'

/** What may have survived of what was not synced: nothing, all, and parts. */
function survivals(seed: number): Survival[] {
  const chance = seeded(seed)
  const half = (): boolean => chance() < 0.5
  return [nothingSurvives, allSurvives, half, half]
}

/** A life of a folder: what an owner does from opening to the end. */
type Life = (env: JournalEnv, acknowledged: Map<number, number>) => Promise<void>

async function remember(owner: FolderOwner, into: Map<number, number>): Promise<void> {
  for (const [shard, ordinal] of owner.acknowledged) into.set(shard, ordinal)
  return Promise.resolve()
}

const work: Life = async (env, acknowledged) => {
  const owner = await FolderOwner.open(env, { lanes: 2, segmentBytes: 4_096 })
  for (const group of [[0, 1], [1], [0, 2, 3], [3], [2, 1]]) {
    await owner.append(group, 700).finally(() => remember(owner, acknowledged))
  }
  const covered = [...owner.acknowledged].map(([shard, ordinal]) => [shard, ordinal - 2] as const)
  for (const lane of owner.lanes) await lane.truncate(new Map(covered))
  await owner.append([0, 1, 2, 3], 300).finally(() => remember(owner, acknowledged))
  await owner.close()
}

/** Runs a life until power is lost at a step. @returns false when it ended before */
async function loseThePower(disk: MemoryDisk, step: number, life: () => Promise<void>) {
  disk.crashAt = disk.operations + step
  return life().then(
    () => false,
    () => true,
  )
}

async function assertNothingLost(disk: MemoryDisk, acknowledged: Map<number, number>) {
  const env = new JournalEnv(disk, 9)
  const owner = await FolderOwner.open(env, { lanes: 1, segmentBytes: 4_096 })
  for (const [shard, ordinal] of acknowledged) {
    expect(owner.acknowledged.get(shard)).toBeGreaterThanOrEqual(ordinal)
  }
  // Dense to the end, from where snapshots stand for it.
  const { firstOrdinals } = owner.folder.plan
  const after = new Map(Object.entries(firstOrdinals).map(([s, first]) => [Number(s), first - 1]))
  await owner.frames(after)
  await owner.append([0, 1, 2, 3])
  await owner.close()
  expect((await framesIn(env)).length).toBeGreaterThan(0)
}

describe('when power is lost', () => {
  it('at any step of a life, what was acknowledged is there, whatever survived of the rest', async () => {
    for (let step = 0; ; step++) {
      const disk = new MemoryDisk()
      const acknowledged = new Map<number, number>()
      const crashed = await loseThePower(disk, step, () => work(new JournalEnv(disk), acknowledged))
      for (const survives of survivals(step)) {
        await assertNothingLost(disk.afterCrash(survives), acknowledged)
      }
      if (!crashed) return
    }
  })

  it('at any step of a recovery, three times in a row, the next recovery succeeds', async () => {
    const first = new MemoryDisk()
    const owner = await FolderOwner.open(new JournalEnv(first), { lanes: 2 })
    for (const group of [[0, 1, 2, 3], [1, 2], [0]]) await owner.append(group)
    const { acknowledged } = owner
    for (let step = 0; ; step++) {
      let crashes = 0
      for (const survives of survivals(step)) {
        let disk = first.afterCrash(survives)
        for (let life = 2; life <= 4; life++) {
          const env = new JournalEnv(disk, life)
          const recover = async (): Promise<void> => {
            await FolderOwner.open(env, { lanes: 1 })
          }
          if (await loseThePower(disk, step, recover)) crashes++
          disk = disk.afterCrash(survives)
        }
        await assertNothingLost(disk, acknowledged)
      }
      if (crashes === 0) return
    }
  })

  it('in the middle of a write, the group is dropped, reported, and never half there', async () => {
    const env = new JournalEnv()
    const owner = await FolderOwner.open(env)
    await owner.append([0, 1])
    const before = await framesIn(env)
    env.disk.onOperation = (operation) => {
      if (operation === 'sync') throw new Error('power lost')
    }
    await expect(owner.append([0, 1, 2], 900)).rejects.toMatchObject({ code: 'journal_failed' })
    const chance = seeded(5)
    const outcomes = new Set<string>()
    for (let i = 0; i < 40; i++) {
      const disk = env.disk.afterCrash(() => chance() < 0.7)
      const next = await FolderOwner.open(new JournalEnv(disk, 2))
      const torn = next.folder.report.tornTails.length > 0
      const frames = await next.frames()
      if (torn) {
        expect(next.folder.report.tornTails[0]).toMatchObject({ kept: { 0: 2, 1: 2, 2: 0, 3: 0 } })
        expect(frames).toEqual(before)
      } else {
        // Nothing of it reached the disk, or all of it.
        expect([before.length, before.length + 3]).toContain(frames.length)
      }
      outcomes.add(torn ? 'torn' : String(frames.length))
    }
    expect(outcomes).toContain('torn')
  })
})

describe('when the disk fails', () => {
  it.each(['write', 'sync'])('W2: a failed %s is final, and never tried again', async (failing) => {
    const env = new JournalEnv()
    const owner = await FolderOwner.open(env)
    await owner.append([0])
    let failures = 0
    env.disk.onOperation = (operation) => {
      if (operation !== failing) return
      failures++
      throw Object.assign(new Error('EIO'), { code: 'EIO' })
    }
    await expect(owner.append([0])).rejects.toMatchObject({ code: 'journal_failed' })
    env.disk.onOperation = undefined
    await expect(owner.append([0])).rejects.toMatchObject({ code: 'journal_failed' })
    await expect(owner.lanes[0]!.seal()).rejects.toMatchObject({ code: 'journal_failed' })
    await expect(owner.lanes[0]!.truncate(new Map())).rejects.toMatchObject({
      code: 'journal_failed',
    })
    expect(failures).toBe(1)
  })

  it('W2: a full disk stops the lane only when it needs a segment that could not be made', async () => {
    const env = new JournalEnv()
    const owner = await FolderOwner.open(env, { segmentBytes: 4_096 })
    let full = true
    env.disk.onOperation = (operation, path) => {
      if (full && operation === 'create' && path.includes('.seg')) {
        throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
      }
    }
    await owner.append([0], 3_000)
    await owner.append([0], 3_000) // the second segment was made before the disk was full
    await expect(owner.append([0], 3_000)).rejects.toMatchObject({ code: 'journal_failed' })
    full = false
    env.disk.onOperation = undefined
    const next = await FolderOwner.open(new JournalEnv(env.disk.afterCrash(nothingSurvives), 2))
    expect(next.acknowledged.get(0)).toBe(4)
    expect(dataDir).toBe('/data')
  })

  it('a full disk that was freed in time goes unnoticed', async () => {
    const env = new JournalEnv()
    const owner = await FolderOwner.open(env, { segmentBytes: 4_096 })
    env.disk.onOperation = (operation, path) => {
      if (operation === 'create' && path.includes('-00000002.seg')) throw new Error('ENOSPC')
    }
    await owner.append([0], 3_000)
    await owner.append([0], 3_000)
    await new Promise<void>((resolve) => setImmediate(resolve))
    env.disk.onOperation = undefined
    await owner.append([0], 3_000)
    expect(owner.acknowledged.get(0)).toBe(6)
  })
})

describe('OpenRefused', () => {
  it('leaves the folder free for the next try', async () => {
    const env = new JournalEnv()
    const owner = await FolderOwner.open(env)
    await owner.append([0])
    await owner.close()
    const path = env.disk.paths().find((name) => name.endsWith('.seg'))!
    const good = Buffer.from(env.disk.bytesOf(path))
    env.disk.replace(path, good.subarray(0, 100))
    await expect(FolderOwner.open(env)).rejects.toThrow(OpenRefused)
    env.disk.replace(path, good)
    expect((await FolderOwner.open(env)).acknowledged.get(0)).toBe(2)
  })
})
