import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectNats } from '../../../transport/nats/index.js'
import { packageFile } from '../package-file.js'
import { StormCluster } from '../../storm/storm-cluster.js'
import type { ClusterStatus } from '../../membership/control.js'
import { askCli } from '../testing/ask-cli.js'
import { CliProcess, type Finished } from '../testing/cli-process.js'

let cluster: StormCluster
let environment: Record<string, string>

beforeAll(async () => {
  cluster = await StormCluster.start(packageFile('dist/bin/suanpan.js'), 2)
  environment = { SUANPAN_NATS: cluster.servers.addresses.join(','), SUANPAN_CLUSTER: 'storm' }
}, 120_000)

afterAll(async () => {
  await cluster.stop()
})

function suanpan(...words: string[]): Promise<Finished> {
  return words[0] === 'start'
    ? new CliProcess(words, environment).ended
    : askCli(words, environment)
}

async function json<T>(...words: string[]): Promise<T> {
  const { code, stdout, stderr } = await suanpan(...words, '--json')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as T
}

/** The longest name of a node. */
const long = 'n'.repeat(64)

type Nodes = ClusterStatus['nodes']
type Shards = ClusterStatus['shards']

describe('a cluster, steered from the command line', () => {
  it('lists its nodes and shards', async () => {
    const nodes = await json<Nodes>('nodes')
    expect(nodes.map(({ name }) => name).toSorted()).toEqual(['node-1', 'node-2'])
    expect(nodes.reduce((sum, { shards }) => sum + shards, 0)).toBe(8)
    const shards = await json<Shards>('shards')
    expect(shards.every(({ owner }) => nodes.some(({ id }) => id === owner))).toBe(true)
    expect((await suanpan('nodes')).stdout).toContain('coordinator')
  })

  it('moves a shard, and empties and fills a node', async () => {
    const [first] = (await json<Shards>('shards')).filter(({ shard }) => shard === 3)
    const nodes = await json<Nodes>('nodes')
    const other = nodes.find(({ id }) => id !== first!.owner)!
    expect(await json('move', '3', other.name)).toMatchObject({ owner: other.id, next: null })
    expect(await json('drain', 'node-1')).toEqual({ node: 'node-1', shards: 0 })
    const emptied = await json<Nodes>('nodes')
    expect(emptied.find(({ name }) => name === 'node-1')).toMatchObject({ state: 'draining' })
    await json('undrain', 'node-1')
    const even = await json<Shards>('rebalance')
    expect(new Set(even.map(({ owner }) => owner)).size).toBe(2)
  })

  it('says how the whole cluster is', async () => {
    expect(await json('status')).toMatchObject({
      ...{ cluster: 'storm', ready: true, nodes: 2, nodesAnswering: 2, shards: 8 },
    })
    const words = await suanpan('status')
    expect(words).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('2 nodes, coordinator'),
    })
    // A node that is named is asked itself.
    const node = await json('status', '--url', cluster.urls[0]!)
    expect(node).toMatchObject({ url: cluster.urls[0], audit: { conserved: true } })
  })

  it.each([['one node', []] as const, ['two under a supervisor', ['--processes', '2']] as const])(
    'S3: on streams with fewer copies than asked for, %s does not join',
    async (_, words) => {
      const nats = await connectNats({ servers: cluster.servers.addresses })
      const bucket = await nats.bucket('suanpan_thin', { replicas: 1 })
      const ended = await suanpan('start', '--cluster', 'thin', '--port', '0', ...words)
      expect(ended.code).toBe(1)
      expect(ended.stderr).toContain('KV_suanpan_thin is kept on 1 server(s)')
      expect(ended.stderr).toContain('(too_few_replicas)')
      expect(ended.stderr).not.toContain('worker_restarts')
      expect(ended.stdout).not.toContain('listens')
      // Whoever joins writes down first what the cluster is.
      expect(await bucket.get('identity')).toBeUndefined()
      await nats.close()
    },
  )

  it('S3: a node that asks for fewer copies than the cluster has makes its streams like those of all', async () => {
    const nats = await connectNats({ servers: cluster.servers.addresses })
    await nats.bucket('suanpan_thick', { replicas: 3 })
    const words = ['--cluster', 'thick', '--port', '0', '--shards', '1', '--replicas', '1']
    const node = new CliProcess(['start', ...words, '--allow-unsafe-durability'], environment)
    await node.until(/listens on/)
    node.kill('SIGTERM')
    expect((await node.ended).stderr).toContain('KV_suanpan_thick is kept on 3 servers')
    for (const name of ['SHARD_thick_0', 'SNAP_thick_0'])
      expect(await nats.stream(name, { replicas: 0 })).toMatchObject({ replicas: 3 })
    await nats.close()
  })

  it.each([['one node', []] as const, ['two under a supervisor', ['--processes', '2']] as const])(
    'S9: on a port that is taken, %s does not join',
    async (_, words) => {
      const { port } = new URL(cluster.urls[0]!)
      const taken = ['start', '--port', port, '--node', 'late', '--allow-unsafe-durability']
      const ended = await suanpan(...taken, ...words)
      expect(ended.code).toBe(1)
      expect(ended.stderr).toContain('(address_in_use)')
      expect(ended.stderr).not.toContain('worker_started')
      // The dead are shown too.
      const nodes = await json<Nodes>('nodes')
      expect(nodes.filter(({ name }) => name.startsWith('late'))).toEqual([])
    },
  )

  it('keeps settings, with the history of who changed what', async () => {
    await json('config', 'set', 'rebalance.moves_max', '2')
    const [now] = await json<{ value: unknown }[]>('config', 'get', 'rebalance.moves_max')
    expect(now).toMatchObject({ value: 2, default: 4 })
    const history = await json<{ by: string; value: unknown }[]>(
      ...['config', 'history', 'rebalance.moves_max'],
    )
    expect(history.at(-1)).toMatchObject({ value: 2, by: expect.stringContaining('@') })
    await json('config', 'reset', 'rebalance.moves_max')
    const [reset] = await json<{ value: unknown }[]>('config', 'get', 'rebalance.moves_max')
    expect(reset).toMatchObject({ value: 4, default: 4 })
  })

  it('shows how it is at a glance', async () => {
    const look = await json<{ nodes: { name: string; shards: unknown[]; rssBytes: number }[] }>(
      ...['top', '--once'],
    )
    expect(look.nodes.map(({ name }) => name).toSorted()).toEqual(['node-1', 'node-2'])
    for (const { rssBytes } of look.nodes) expect(rssBytes).toBeGreaterThan(1e6)
  })

  it.each([
    [['move', '99', 'node-1'], 'unknown_shard', 1],
    [['move', '1', 'nobody'], 'unknown_node', 1],
    [['undrain', 'node-1'], 'not_draining', 1],
    [['config', 'set', 'rebalance.moves_max', 'many'], 'invalid_setting', 2],
    [['config', 'get', 'rebalance.speed'], 'unknown_setting', 2],
    [['nodes', '--nats', 'http://x'], 'usage', 2],
    [['status', '--cluster', 'another'], 'unknown_cluster', 1],
    [['start', '--processes', '3'], 'usage', 2],
    // The workers are called NAME-1 and NAME-2.
    [['start', '--nats', 'nats://127.0.0.1:1', '--processes', '2', '--node', long], 'usage', 2],
    [['start', '--nats', 'nats://127.0.0.1:1', '--shards', '4097'], 'usage', 2],
    [['nodes', '--cluster', 'another'], 'unknown_cluster', 1],
    [['config', 'get', '--cluster', 'another'], 'unknown_cluster', 1],
  ] as const)('refuses %s by code, in a sentence', async (words, code, exit) => {
    // Without the environment where the servers would make a cluster of a single node.
    const ended = await (words[0] === 'start' ? new CliProcess(words).ended : suanpan(...words))
    expect(ended.code).toBe(exit)
    expect(ended.stderr).toContain(`(${code})`)
    expect(ended.stderr).not.toContain('    at ')
  })
})
