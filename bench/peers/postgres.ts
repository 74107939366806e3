/** PostgreSQL with everything durable: one stored procedure a payment, prepared, over a pool. */
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { BenchFailed } from '../harness/bench-failed.js'
import type { Peer } from './peer.js'
import { findBinary, PeerServer, unprivilegedUser, type Endpoint } from './server.js'

const folders = ['/usr/lib/postgresql/*/bin', '/usr/pgsql-*/bin', '/opt/homebrew/bin']
/** Connections; more than this only queue on two cores. */
const connections = 48

function binary(name: string): string | undefined {
  return findBinary(name, ...folders)
}

function initialise(folder: string): void {
  const user = unprivilegedUser('postgres', 'nobody')
  mkdirSync(folder)
  // The server's user must get to its folder and nowhere else.
  chmodSync(dirname(folder), 0o711)
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid ?? user.uid)
  const words = [
    '-D',
    join(folder, 'data'),
    '-A',
    'trust',
    '-U',
    'bench',
    '-E',
    'UTF8',
    '--locale=C',
  ]
  const made = spawnSync(binary('initdb')!, words, { ...user, encoding: 'utf8', cwd: '/' })
  if (made.status === 0) return
  const hint = made.stderr.includes('Permission denied')
    ? ' PostgreSQL does not run as root; its user must get through to this folder: choose another with --data.'
    : ''
  throw new BenchFailed(`initdb failed: ${made.stderr.trim()}${hint}`)
}

function settings(folder: string, { host, port }: Endpoint): Record<string, string> {
  return {
    listen_addresses: host,
    port: String(port),
    unix_socket_directories: folder,
    max_connections: String(connections + 16),
    shared_buffers: '512MB',
    max_wal_size: '4GB',
    fsync: 'on',
    synchronous_commit: 'on',
  }
}

function serve(folder: string): Promise<PeerServer> {
  return PeerServer.start({
    binary: binary('postgres')!,
    words: (endpoint) => {
      const pairs = Object.entries(settings(folder, endpoint))
      const set = pairs.flatMap(([name, value]) => ['-c', `${name}=${value}`])
      return ['-D', join(folder, 'data'), ...set]
    },
    user: unprivilegedUser('postgres', 'nobody'),
  })
}

export const postgres: Peer = {
  name: 'PostgreSQL',
  program: 'programs/postgres',
  window: connections,
  durability: 'fsync and synchronous_commit on',
  absent() {
    if (binary('postgres') !== undefined && binary('initdb') !== undefined) return undefined
    return 'not measured: there is no program postgres here (Debian: apt install postgresql)'
  },
  start(folder) {
    initialise(folder)
    return serve(folder)
  },
  restart: serve,
}
