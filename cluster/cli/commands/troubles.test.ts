/** What commands for a cluster say when something is not as it should be: by code, in one sentence. */
import { createServer, type Server } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NatsServers } from '../../../transport/nats/testing/index.js'
import type { ClusterStatus } from '../../membership/control.js'
import { askCli } from '../testing/ask-cli.js'
import { CliProcess, lastJson, runCli } from '../testing/cli-process.js'

let servers: NatsServers
const nodes: CliProcess[] = []
const strangers: Server[] = []
let nats = ''

beforeAll(async () => {
  servers = await NatsServers.start()
  nats = servers.addresses.join(',')
  // Two of one name, and one of another.
  for (const name of ['twin', 'twin', 'other']) {
    const words = ['--nats', nats, '--node', name, '--port', '0', '--json', '--shards', '4']
    const unsafe = ['--replicas', '1', '--allow-unsafe-durability']
    const node = new CliProcess(['start', ...words, ...unsafe])
    nodes.push(node)
    await node.until(/"event":"listening"/)
  }
}, 120_000)

afterAll(async () => {
  for (const node of nodes) node.kill('SIGKILL')
  await Promise.all(nodes.map(({ ended }) => ended))
  for (const stranger of strangers) stranger.close()
  await servers.stop()
})

const asking: readonly (readonly string[])[] = [
  ['nodes'],
  ['shards'],
  ['status'],
  ['top', '--once'],
  ['move', '0', 'other'],
  ['drain', 'other'],
  ['undrain', 'other'],
  ['rebalance'],
  ['upgrade', 'status'],
  ['upgrade', 'finalize'],
  ['config', 'get'],
  ['config', 'get', 'log.level'],
  ['config', 'set', 'log.level', 'debug'],
  ['config', 'reset', 'log.level'],
  ['config', 'history', 'log.level'],
  ['config', 'watch'],
]

/** How a command fails: JSON alone on stderr, nothing on stdout, no stack. */
async function failure(
  words: readonly string[],
  at = nats,
  run: typeof runCli = askCli,
): Promise<{ code: string; exit: number | null; message: string }> {
  const ended = await run([...words, '--nats', at, '--json'])
  expect(ended.stdout).toBe('')
  expect(ended.stderr).not.toContain('    at ')
  const { error } = JSON.parse(ended.stderr) as { error: { code: string; message: string } }
  expect(error.message).toMatch(/^([A-Z]|\w+\.\w+ must).*\.$/)
  return { exit: ended.code, ...error }
}

/** Somebody who is no NATS server. */
async function stranger(greeting: string): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    if (greeting !== '') socket.end(greeting)
  })
  strangers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  server.unref()
  return `nats://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('without NATS', () => {
  it.each(asking)('%s %s %s %s says that nobody is there', async (...words) => {
    const said = await failure(words, 'nats://127.0.0.1:1')
    expect(said).toMatchObject({ code: 'nats_unreachable', exit: 1 })
    expect(said.message).toContain('nats://127.0.0.1:1')
  })

  it.each([
    ['who says nothing', ''],
    ['who speaks something else', 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'],
  ])('somebody is there %s', async (_, greeting) => {
    // In processes, which such connections would keep from ending.
    const said = await failure(['nodes'], await stranger(greeting), runCli)
    expect(said).toMatchObject({ code: 'nats_unreachable', exit: 1 })
  })

  it('the name of the host is unknown', async () => {
    const said = await failure(['nodes'], 'nats://nowhere.invalid:4222', runCli)
    expect(said).toMatchObject({ code: 'nats_unreachable', exit: 1 })
  })
})

describe('another cluster', () => {
  it.each(asking)('%s %s %s %s says that there is none', async (...words) => {
    const said = await failure([...words, '--cluster', 'nowhere'])
    expect(said).toMatchObject({ code: 'unknown_cluster', exit: 1 })
    expect(said.message).toContain('"nowhere"')
  })
})

describe('what is not there, or not so', () => {
  it.each([
    [['move', '4', 'other'], 'unknown_shard', 1],
    [['move', '0', 'nobody'], 'unknown_node', 1],
    [['move', '0', 'twin'], 'ambiguous_node', 1],
    [['drain', 'nobody'], 'unknown_node', 1],
    [['drain', 'twin'], 'ambiguous_node', 1],
    [['undrain', 'nobody'], 'unknown_node', 1],
    [['undrain', 'twin'], 'ambiguous_node', 1],
    [['undrain', 'other'], 'not_draining', 1],
    [['move', 'first', 'other'], 'usage', 2],
    [['move', '0'], 'usage', 2],
    [['move', '1.5', 'other'], 'usage', 2],
    [['drain', 'no name'], 'unknown_node', 1],
    [['drain', ''], 'unknown_node', 1],
    [['nodes', '--cluster', 'a.b'], 'usage', 2],
    [['config', 'set', 'rebalance.speed', '1'], 'unknown_setting', 2],
    [['config', 'set', '__proto__', '1'], 'unknown_setting', 2],
    [['config', 'set', 'log.level', 'loud'], 'invalid_setting', 2],
    [['config', 'set', 'log.level', ''], 'invalid_setting', 2],
    [['config', 'set', 'log.level', 'true'], 'invalid_setting', 2],
    [['config', 'set', 'rebalance.enabled', 'yes'], 'invalid_setting', 2],
    [['config', 'set', 'rebalance.enabled', '1'], 'invalid_setting', 2],
    [['config', 'set', 'rebalance.moves_max', '0'], 'invalid_setting', 2],
    [['config', 'set', 'rebalance.moves_max', '65'], 'invalid_setting', 2],
    [['config', 'set', 'rebalance.moves_max', '1.5'], 'invalid_setting', 2],
    [['config', 'set', 'rebalance.moves_max', '1e1'], 'invalid_setting', 2],
    [['config', 'set', 'rebalance.moves_max', '99999999999999999999'], 'invalid_setting', 2],
    [['config', 'set', 'rebalance.moves_max'], 'usage', 2],
    [['config', 'get', 'rebalance.speed'], 'unknown_setting', 2],
    [['config', 'history', 'rebalance.speed'], 'unknown_setting', 2],
    [['config', 'reset', 'rebalance.speed'], 'unknown_setting', 2],
    [['config', 'reset'], 'usage', 2],
    [['config', 'history'], 'usage', 2],
  ] as const)('%j is %s', async (words, code, exit) => {
    expect(await failure(words)).toMatchObject({ code, exit })
  })

  it('refused settings leave no trace; accepted ones say who and when', async () => {
    const read = async <T>(...words: string[]): Promise<T> =>
      lastJson<T>(await askCli([...words, '--nats', nats, '--json']))
    expect(await read('config', 'history', 'rebalance.moves_max')).toEqual([])
    for (const value of ['2', '64']) {
      await read('config', 'set', 'rebalance.moves_max', value)
    }
    const history = await read<{ value: unknown; by: string; at: number }[]>(
      ...['config', 'history', 'rebalance.moves_max'],
    )
    expect(history.map(({ value }) => value)).toEqual([2, 64])
    for (const { by, at } of history) {
      expect(by).toContain('@')
      expect(Math.abs(Date.now() - at)).toBeLessThan(3_600_000)
    }
  })

  it('a node of a name used twice is steered by its id', async () => {
    const look = async <T>(...words: string[]): Promise<T> => {
      const ended = await askCli([...words, '--nats', nats, '--json'])
      expect(ended).toMatchObject({ code: 0, stderr: '' })
      return lastJson<T>(ended)
    }
    const twins = (await look<ClusterStatus['nodes']>('nodes')).filter(
      ({ name }) => name === 'twin',
    )
    expect(new Set(twins.map(({ id }) => id)).size).toBe(2)
    const [first] = twins
    expect(await look('drain', first!.id)).toEqual({ node: first!.id, shards: 0 })
    const after = await look<ClusterStatus['nodes']>('nodes')
    expect(after.find(({ id }) => id === first!.id)).toMatchObject({ state: 'draining' })
    await look('undrain', first!.id)
  })
})
