import { afterAll } from 'vitest'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeEnv } from '../../env/node-env.js'
import type { Env } from '../../env/env.js'
import type { Frame } from '../journal.js'
import { journalContract, type JournalUnderTest } from '../journal.contract.js'
import { JournalEnv } from '../testing/journal-env.js'
import { openFolder, openLane, readFrames, type JournalFolder } from './index.js'

/** Opens with takeOver: an opener finds the one before alive, and fences it. */
function journalOn(env: Env, dataDir: string, failNextAppend: () => void): JournalUnderTest {
  let folder: JournalFolder | undefined
  return {
    async open(lanes) {
      folder?.stopHeartbeat()
      folder = await openFolder(env, { dataDir, shards: 8, segmentBytes: 8_192, takeOver: true })
      await folder.adopt()
      const { plan } = folder
      return Promise.all(lanes.map((shards, lane) => openLane(env, plan, lane, new Set(shards))))
    },
    async read(shard, after) {
      const frames: Frame[] = []
      const wanted = new Map([[shard, after]])
      await readFrames(env, folder!.plan, new Set([shard]), wanted, (frame) => frames.push(frame))
      return frames
    },
    failNextAppend,
  }
}

journalContract('the journal on a disk in memory', () => {
  const env = new JournalEnv()
  return journalOn(env, '/data', () => {
    env.disk.onOperation = (operation) => {
      if (operation === 'sync') throw Object.assign(new Error('EIO'), { code: 'EIO' })
    }
  })
})

const root = mkdtempSync(join(tmpdir(), 'suanpan-journal-'))
afterAll(() => {
  rmSync(root, { recursive: true, force: true })
})
let count = 0

journalContract('the journal on real files', () => {
  const real = nodeEnv()
  let fails = false
  const env: Env = {
    ...real,
    // Heartbeats of journals that tests leave open must not outlive the tests.
    timers: { ...real.timers, after: () => ({ cancel: () => undefined }) },
    disk: {
      ...real.disk,
      async open(path, mode) {
        const file = await real.disk.open(path, mode)
        if (!path.endsWith('.seg.tmp')) return file
        return {
          read: (position, length) => file.read(position, length),
          write: (bytes, position) => file.write(bytes, position),
          sync: () => (fails ? Promise.reject(new Error('EIO')) : file.sync()),
          size: () => file.size(),
          close: () => file.close(),
        }
      },
    },
  }
  return journalOn(env, join(root, String(++count)), () => {
    fails = true
  })
})
