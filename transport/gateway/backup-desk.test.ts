import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Fault, type BackupReport } from '../../runtime/index.js'
import { BackupDesk } from './backup-desk.js'
import { gatewayLimits } from './limits.js'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

const anywhere = { allowed: true }
const report = {
  target: '/a',
  epoch: 1,
  shards: 1,
  ordinals: 1,
  files: 1,
  bytes: 9,
  pauseMs: 1,
  seconds: 1,
}

it('D1: who asks for the target that is being written is told how far it is, and its end once', async () => {
  const ends: ((report: BackupReport) => void)[] = []
  const desk = new BackupDesk(
    {
      backup: (_, { onProgress }) => {
        if (ends.length > 0) return Promise.reject(new Fault('backup_running'))
        onProgress?.({ bytes: 4, bytesTotal: 9 })
        return new Promise((resolve) => ends.push(resolve))
      },
    },
    anywhere,
  )
  const first = desk.ask('/a')
  await vi.advanceTimersByTimeAsync(gatewayLimits.backupWaitMs)
  expect(await first).toEqual({ state: 'running', target: '/a', bytes: 4, bytesTotal: 9 })
  await expect(desk.ask('/b')).rejects.toMatchObject({ code: 'backup_running' })
  const second = desk.ask('/a')
  ends[0]!(report)
  expect(await second).toEqual({ state: 'done', ...report })
  // Asked again it is another one, and of one that nobody asked for again nothing is left.
  await expect(desk.ask('/a')).rejects.toMatchObject({ code: 'backup_running' })
})

it('says so where the host makes none', async () => {
  await expect(new BackupDesk({}, anywhere).ask('/a')).rejects.toMatchObject({
    code: 'backup_unsupported',
  })
})
