/** The short form of `npm run crash`: every kind of fault against a real node, and what is left of it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { packageFile } from '../cli/package-file.js'
import { Campaign } from './campaign.js'
import { seeded } from './chance.js'
import type { Violation } from './checks.js'
import { missingTools, slow, type Fault, type SyscallFault } from './faults.js'

const main = packageFile('dist/bin/suanpan.js')
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'suanpan-crash-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const fault = (
  call: SyscallFault['call'],
  strike: SyscallFault['strike'],
  at: number,
  forEver = false,
): SyscallFault => ({ type: 'syscall', call, strike, at, forEver, paths: [] })

/** Lives of one folder, with these faults in this order. */
async function live(faults: readonly Fault[]) {
  const violations: Violation[] = []
  const script = faults[Symbol.iterator]() as Iterator<Fault, undefined>
  let lives = 0
  const campaign = new Campaign({
    main,
    folder,
    chance: seeded(1),
    script,
    onLife: () => lives++,
    onViolation: (violation) => void violations.push(violation),
  })
  const tally = await campaign.run(Infinity, () => lives === faults.length)
  return { tally, violations }
}

describe('a real node under load', { timeout: 120_000 }, () => {
  it('loses nothing and does nothing twice when it is killed, also while it recovers', async () => {
    expect(missingTools()).toBeUndefined()
    const { tally, violations } = await live([
      { type: 'kill' },
      { type: 'kill_during_start' },
      { type: 'kill_during_start' },
      slow('pwrite64'),
    ])
    expect(violations).toEqual([])
    expect(tally).toMatchObject({ kills: 4, lost: 0, doubled: 0, verified: 1 })
    expect(tally.acknowledged).toBeGreaterThan(10)
    expect(tally.unknown).toBeGreaterThan(0)
  })

  it('acknowledges nothing any more when it was paused, succeeded and resumed', async () => {
    const { tally, violations } = await live([{ type: 'pause' }])
    expect(violations).toEqual([])
    expect(tally.faults).toEqual({ kill: 1, pause: 1 })
  })

  it('survives death at its file calls', async () => {
    expect(missingTools()).toBeUndefined()
    const { tally, violations } = await live([
      fault('fdatasync', 'SIGKILL', 12),
      fault('pwrite64', 'SIGKILL', 9),
      fault('rename', 'SIGKILL', 4),
      fault('fsync', 'SIGKILL', 3),
    ])
    expect(violations).toEqual([])
    expect(tally.faults).toEqual({
      'fdatasync:SIGKILL': 1,
      'pwrite64:SIGKILL': 1,
      'rename:SIGKILL': 1,
      'fsync:SIGKILL': 1,
    })
  })

  it('stops with one sentence when the disk fails or is full, and recovers after a restart', async () => {
    expect(missingTools()).toBeUndefined()
    const { tally, violations } = await live([
      fault('fdatasync', 'EIO', 13),
      fault('pwrite64', 'EIO', 11, true),
      fault('pwrite64', 'ENOSPC', 12, true),
      fault('rename', 'ENOSPC', 3),
      fault('fsync', 'EIO', 2, true),
    ])
    expect(violations).toEqual([])
    expect(tally.faults).toEqual({
      'fdatasync:EIO': 1,
      'pwrite64:EIO': 1,
      'pwrite64:ENOSPC': 1,
      'rename:ENOSPC': 1,
      'fsync:EIO': 1,
    })
    // None of them was killed: they ended by themselves.
    expect(tally.kills).toBe(0)
  })
})
