// Where a nats-server is found, and that none is fetched without a word.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findProgram } from './nats-server.js'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'suanpan-program-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

function program(name: string, version: string): string {
  const path = join(folder, name)
  writeFileSync(path, `#!/bin/sh\necho "nats-server: v${version}"\n`)
  chmodSync(path, 0o755)
  return path
}

describe('a nats-server', () => {
  it('that is here and new enough is taken, and nothing is fetched or said', async () => {
    const events: string[] = []
    const fetch = (suite: string): Promise<void> => Promise.resolve(void events.push(suite))
    const usual = program('usual', '2.10.23')
    const found = await findProgram([usual, join(folder, 'none')], fetch, (s) => events.push(s))
    expect(found).toBe(usual)
    expect(events).toEqual([])
  })

  it('that is missing or too old is fetched, and that is said first', async () => {
    const events: string[] = []
    const target = join(folder, 'fetched')
    const fetch = (suite: string): Promise<void> => {
      events.push(suite)
      program('fetched', '2.11.0')
      return Promise.resolve()
    }
    const old = program('old', '2.10.22')
    expect(await findProgram([old, target], fetch, (s) => events.push(s))).toBe(target)
    expect(events).toEqual([expect.stringContaining(`archive to ${target}`), 'sid'])
  })

  it('that can not be fetched either ends with what to do', async () => {
    const fetch = (): Promise<void> => Promise.reject(new Error('no network'))
    await expect(findProgram([join(folder, 'none')], fetch, () => undefined)).rejects.toThrow(
      /install it, or put the program at .*none\. .*sid: no network; forky: no network/,
    )
  })
})
