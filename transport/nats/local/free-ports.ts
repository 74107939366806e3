/**
 * Ports for servers that are started on this machine. They lie below those that systems give to
 * outgoing connections (Linux from 32,768, others from 49,152), so that no connection takes the port of
 * a server that is down for a moment.
 */
import { randomInt } from 'node:crypto'
import { createServer, type Server } from 'node:net'

const first = 10_000
const end = 32_768

/** @returns ports on loopback that nobody listens on now, each another */
export async function freePorts(count: number): Promise<number[]> {
  const held = new Map<number, Server>()
  while (held.size < count) {
    const port = randomInt(first, end)
    const holder = held.has(port) ? undefined : await hold(port)
    if (holder !== undefined) held.set(port, holder)
  }
  await Promise.all([...held.values()].map((holder) => new Promise((done) => holder.close(done))))
  return [...held.keys()]
}

function hold(port: number): Promise<Server | undefined> {
  const holder = createServer()
  return new Promise((resolve, reject) => {
    holder.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined)
      else reject(error)
    })
    holder.listen(port, '127.0.0.1', () => resolve(holder))
  })
}
