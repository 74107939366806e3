/** The server's side of connections within this process: what it has read, of what a test has sent. */
import { subscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'

/** By the client's port. */
const accepted = new Map<number | undefined, Socket>()

subscribe('net.server.socket', (message) => {
  const { socket } = message as { readonly socket: Socket }
  accepted.set(socket.remotePort, socket)
})

/** Bytes the server has read from a client's connection. */
export function bytesReadFrom(client: Socket): number {
  return accepted.get(client.localPort)?.bytesRead ?? 0
}
