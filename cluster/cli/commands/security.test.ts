/** Who gets into a cluster from the command line, and what they may do there: on real servers. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nkeys } from '@nats-io/transport-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Authority, NatsServers, OperatorMode } from '../../../transport/nats/testing/index.js'
import { packageFile } from '../package-file.js'
import { askCli } from '../testing/ask-cli.js'
import { CliProcess, lastJson, runCli, temporaryFolder } from '../testing/cli-process.js'

const folder = temporaryFolder()
const authority = new Authority()
const stranger = new Authority()
const running: CliProcess[] = []
const up: NatsServers[] = []

afterAll(async () => {
  for (const node of running) node.kill('SIGKILL')
  await Promise.all(running.map(({ ended }) => ended))
  await Promise.all(up.map((servers) => servers.stop()))
  folder.remove()
  authority.remove()
  stranger.remove()
})

function fileOf(name: string, text: string): string {
  const file = join(folder.path, name)
  writeFileSync(file, text)
  return file
}

async function node(words: readonly string[], environment = {}): Promise<void> {
  const small = ['--shards', '2', '--port', '0', '--json', '--allow-unsafe-durability']
  const started = new CliProcess(['start', '--node', 'a', ...small, ...words], environment)
  running.push(started)
  await started.until(/"event":"listening"/)
}

async function refusal(words: readonly string[], environment = {}): Promise<unknown> {
  const run = words[0] === 'start' ? runCli : askCli
  const ended = await run([...words, '--json'], environment)
  expect(ended.stdout).toBe('')
  expect(ended.stderr).not.toContain('    at ')
  // A node that starts may have warned before.
  const last = ended.stderr.trim().split('\n').at(-1) ?? ''
  const { error } = JSON.parse(last) as { error: { code: string; message: string } }
  expect(error.message).toMatch(/^[A-Z].*\.$/s)
  return [error.code, ended.code]
}

describe('who gets in', () => {
  const seed = (pair: ReturnType<typeof nkeys.createUser>): string =>
    new TextDecoder().decode(pair.getSeed())
  const listed = nkeys.createUser()
  const good = (): string[] => ['--nats', tls, '--nats-ca', authority.file, ...shown, ...key]
  let plain = ''
  let tls = ''
  let shown: string[] = []
  let key: string[] = []

  beforeAll(async () => {
    const { cert, key: keyFile } = authority.issue('server')
    const servers = await NatsServers.start({
      config: [
        `tls { cert_file: "${cert}", key_file: "${keyFile}", ca_file: "${authority.file}", verify: true }`,
        `authorization { users: [ { nkey: ${listed.getPublicKey()} }, { user: a, password: b } ] }`,
      ].join('\n'),
    })
    up.push(servers)
    plain = servers.addresses.join(',')
    tls = plain.replaceAll('nats:', 'tls:')
    const own = authority.issue('client')
    shown = ['--nats-cert', own.cert, '--nats-key', own.key]
    key = ['--nats-nkey', fileOf('listed.nk', seed(listed))]
    await node(['--replicas', '1', ...good()])
  })

  it('a node and its operator, over TLS both ways, with an nkey', async () => {
    expect(lastJson(await askCli(['nodes', '--json', ...good()]))).toMatchObject([{ name: 'a' }])
  })

  const cases: [string, () => string[], string, number][] = [
    [
      'another nkey',
      () => [...good().slice(0, -1), fileOf('other.nk', seed(nkeys.createUser()))],
      'nats_login',
      1,
    ],
    ['no login', () => good().slice(0, -2), 'nats_login', 1],
    [
      'a wrong password',
      () => [...good().slice(0, -2), '--nats-user', 'a', '--nats-password', 'x'],
      'nats_login',
      1,
    ],
    [
      'an authority that did not sign the server’s certificate',
      () => ['--nats', tls, '--nats-ca', stranger.file, ...shown, ...key],
      'nats_options',
      2,
    ],
    ['no authority', () => ['--nats', tls, ...shown, ...key], 'nats_options', 2],
    ['nothing said of TLS', () => ['--nats', plain, ...key], 'nats_options', 2],
    [
      'no certificate shown',
      () => ['--nats', tls, '--nats-ca', authority.file, ...key],
      'nats_login',
      1,
    ],
    ['no key of the certificate', () => good().filter((_, i) => i < 6), 'nats_options', 2],
    ['two logins', () => [...good(), '--nats-user', 'a'], 'nats_options', 2],
  ]
  it.each(cases)('refuses %s, commands and nodes alike', async (_, words, code, exit) => {
    const outcomes = await Promise.all([
      refusal(['nodes', ...words()]),
      refusal(['start', '--port', '0', ...words()]),
    ])
    expect(outcomes).toEqual([
      [code, exit],
      [code, exit],
    ])
  })

  it('credentials that the account has signed, and no others', async () => {
    const operator = new OperatorMode()
    const servers = await NatsServers.start({ config: operator.config })
    up.push(servers)
    const words = (of: OperatorMode, name: string): string[] => [
      ...['--nats', servers.addresses.join(','), '--nats-creds'],
      fileOf(name, of.credentials()),
    ]
    const own = words(operator, 'own.creds')
    await node(['--replicas', '1', ...own])
    expect(lastJson(await askCli(['nodes', '--json', ...own]))).toMatchObject([{ name: 'a' }])
    const foreign = words(new OperatorMode(), 'foreign.creds')
    expect(await refusal(['nodes', ...foreign])).toEqual(['nats_login', 1])
    expect(await refusal(['start', '--port', '0', ...foreign])).toEqual(['nats_login', 1])
  })
})

describe('who may do what, with the shipped configuration', () => {
  const passwords = {
    SUANPAN_NODE_PASSWORD: 'n',
    SUANPAN_OPERATOR_PASSWORD: 'o',
    SUANPAN_OBSERVER_PASSWORD: 'v',
    SUANPAN_ADMIN_PASSWORD: 'a',
    NATS_ROUTE_PASSWORD: 'r',
  }
  let nats = ''
  const as = (user: string, password: string): Record<string, string> => ({
    SUANPAN_NATS: nats,
    SUANPAN_CLUSTER: 'payments',
    SUANPAN_NATS_USER: user,
    SUANPAN_NATS_PASSWORD: password,
  })

  beforeAll(async () => {
    const file = packageFile('cluster/nats/nats-server.conf')
    const servers = await NatsServers.start({ servers: 3, shipped: { file, passwords } })
    up.push(servers)
    nats = servers.addresses.join(',')
    await node([], as('node', 'n'))
  })

  it.each([
    [['nodes']],
    [['shards']],
    [['status']],
    [['top', '--once']],
    [['config', 'get']],
    [['config', 'history', 'log.level']],
    [['upgrade', 'status']],
  ])('an observer may look: %j', async (words) => {
    const { code, stderr } = await askCli([...words, '--json'], as('observer', 'v'))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })

  it.each([
    [['move', '0', 'a']],
    [['drain', 'a']],
    [['undrain', 'a']],
    [['rebalance']],
    [['config', 'set', 'log.level', 'debug']],
    [['start', '--port', '0', '--node', 'b']],
  ])('an observer may not: %j', async (words) => {
    expect(await refusal(words, as('observer', 'v'))).toEqual(['nats_permission', 1])
  })

  it('an operator steers, and is no node', async () => {
    const operator = as('operator', 'o')
    const set = await askCli(['config', 'set', 'log.level', 'debug', '--json'], operator)
    expect(set).toMatchObject({ code: 0, stderr: '' })
    expect(await refusal(['drain', 'a'], operator)).toEqual(['last_node', 1])
    expect(await refusal(['start', '--port', '0', '--node', 'b'], operator)).toEqual([
      ...['nats_permission', 1],
    ])
  })

  it('an operator moves shards between nodes, and empties one', async () => {
    const operator = as('operator', 'o')
    await node(['--node', 'b'], as('node', 'n'))
    const steps = [
      ['move', '0', 'b'],
      ['drain', 'b'],
      ['undrain', 'b'],
      ['rebalance', '--no-wait'],
      ['config', 'set', 'rebalance.enabled', 'true'],
      ['config', 'reset', 'rebalance.enabled'],
    ]
    for (const words of steps) {
      const { code, stderr } = await askCli([...words, '--json'], operator)
      expect({ words, code, stderr }).toEqual({ words, code: 0, stderr: '' })
    }
    const [status, top] = await Promise.all(
      [['status'], ['top', '--once']].map((words) => askCli([...words, '--json'], operator)),
    )
    expect(lastJson(status!)).toMatchObject({ nodes: 2, nodesAnswering: 2 })
    expect(top!.code).toBe(0)
  })

  it('watches settings, as whoever may look', async () => {
    const watching = new CliProcess(['config', 'watch', '--json'], as('observer', 'v'))
    running.push(watching)
    await watching.until(/"name":"log.level","value":"debug"/)
    await askCli(['config', 'set', 'log.level', 'warn'], as('operator', 'o'))
    await watching.until(/"name":"log.level","value":"warn"/)
    watching.kill('SIGINT')
    expect(await watching.ended).toMatchObject({ code: 0 })
  })
})
