/** Servers of peers: started again while something is in their way, and told of when they never start. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PeerServer } from './server.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'suanpan-peer-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** A server that gives up while processes of its predecessor hold its memory, as PostgreSQL does. */
const refusingTwice = `
  const { appendFileSync, readFileSync } = require('node:fs')
  const [file, port] = process.argv.slice(1)
  appendFileSync(file, '.')
  if (readFileSync(file, 'utf8').length < 3) process.exit(1)
  require('node:net').createServer().listen(Number(port), '127.0.0.1')
`

describe('a peer’s server', () => {
  it('is started again while it ends before it listens', async () => {
    const starts = join(folder, 'starts')
    writeFileSync(starts, '')
    const server = await PeerServer.start({
      binary: process.execPath,
      words: ({ port }) => ['-e', refusingTwice, starts, String(port)],
      user: {},
    })
    expect(server.endpoint.port).toBeLessThan(32_768)
    await server.stop('SIGKILL')
  })

  it('that never starts is told of with what it said', async () => {
    const starting = PeerServer.start(
      { binary: process.execPath, words: () => ['-e', 'throw new Error("no disk")'], user: {} },
      500,
    )
    await expect(starting).rejects.toThrow(/does not start: [^]*no disk/)
  })
})
