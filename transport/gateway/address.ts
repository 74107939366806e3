/** Where a gateway listens: whether it can, and why not. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { GatewayConfigError } from './security/gateway-config-error.js'

/**
 * Listens for a moment, so that who can't is told before anything else is begun.
 * @throws GatewayConfigError address_in_use, invalid_options
 */
export async function checkAddress({ host, port }: AddressAsked): Promise<void> {
  const server = createServer((socket) => socket.destroy())
  server.listen({ host, port })
  try {
    await once(server, 'listening')
  } catch (error) {
    throw listenError(error, host, port)
  }
  server.close()
  await once(server, 'close')
}

export interface AddressAsked {
  readonly host: string
  readonly port: number
}

/** What an error of listening means; errors that mean nothing in particular stay what they are. */
export function listenError(error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  if (code === 'EADDRINUSE') {
    return new GatewayConfigError(
      'address_in_use',
      `Port ${port} of ${host} is in use by another process; choose another port.`,
    )
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new GatewayConfigError('invalid_options', `${host}:${port} can't be listened on here.`)
  }
  return error
}
