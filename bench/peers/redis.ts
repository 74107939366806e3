/** Redis with every write synced: one Lua script a payment, pipelined by ioredis. */
import { mkdirSync } from 'node:fs'
import type { Peer } from './peer.js'
import { findBinary, PeerServer } from './server.js'

function serve(folder: string): Promise<PeerServer> {
  const always = ['--appendonly', 'yes', '--appendfsync', 'always']
  return PeerServer.start({
    binary: findBinary('redis-server')!,
    words: ({ host, port }) => {
      const place = ['--bind', host, '--port', String(port), '--dir', folder]
      return [...place, ...always, '--save', '', '--daemonize', 'no']
    },
    user: {},
  })
}

export const redis: Peer = {
  name: 'Redis',
  program: 'programs/redis',
  window: 1_024,
  durability: 'appendfsync always',
  absent() {
    if (findBinary('redis-server') !== undefined) return undefined
    return 'not measured: there is no program redis-server here (Debian: apt install redis-server)'
  },
  start(folder) {
    mkdirSync(folder)
    return serve(folder)
  },
  restart: serve,
}
