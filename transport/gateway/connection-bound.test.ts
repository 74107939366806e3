import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { expect, it } from 'vitest'
import { connectionBound, connectionsBeside } from './connection-bound.js'
import { GatewayKit } from './testing/gateway-kit.js'

it('CB1: leaves a quarter of the files, and 128 at least, to all else', () => {
  expect(connectionsBeside(40, 20_000)).toBe(14_960)
  expect(connectionsBeside(40, 400)).toBe(232)
  expect(connectionsBeside(200, 256)).toBe(16)
})

it.runIf(process.platform === 'linux')('CB1: is known where the system tells', () => {
  expect(connectionBound()).toBeGreaterThanOrEqual(16)
})

it('CB1: closes what comes beyond it, says how many, and takes others when there is room', async () => {
  const kit = await GatewayKit.start({ connectionsMax: 3 })
  const { hostname, port } = new URL(kit.gateway.address)
  const connect = async (): Promise<Socket> => {
    const socket = createConnection({ host: hostname, port: Number(port) })
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    return socket
  }
  const answer = async (socket: Socket): Promise<string> => {
    const ended = once(socket, 'close').then(() => 'closed')
    socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n')
    let text = ''
    socket.on('data', (bytes) => (text += bytes.toString()))
    const answered = expect
      .poll(() => text, { timeout: 5_000 })
      .toContain('suanpan_http_connections_dropped')
      .then(() => text)
    return Promise.race([ended, answered])
  }
  try {
    const first = [await connect(), await connect(), await connect()]
    for (const socket of first) expect(await answer(socket)).toMatch(/^HTTP\/1\.1 200 /)
    expect(await answer(await connect())).toBe('closed')
    expect(await answer(first[0]!)).toMatch(/connections_dropped 1\n/)
    first[1]!.destroy()
    await expect.poll(async () => answer(await connect())).toMatch(/^HTTP\/1\.1 200 /)
  } finally {
    await kit.stop()
  }
})
