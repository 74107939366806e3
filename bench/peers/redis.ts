/** Redis with every write synced: one Lua script a payment, pipelined by ioredis. */
import { mkdirSync } from 'node:fs'
import type { Peer } from './peer.js'
import { findBinary, freePort, PeerServer } from './server.js'

async function serve(folder: string): Promise<PeerServer> {
  const endpoint = { host: '127.0.0.1', port: await freePort() }
  const words = ['--bind', endpoint.host, '--port', String(endpoint.port), '--dir', folder]
  words.push('--appendonly', 'yes', '--appendfsync', 'always', '--save', '', '--daemonize', 'no')
  return new PeerServer(endpoint, findBinary('redis-server')!, words, {})
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
