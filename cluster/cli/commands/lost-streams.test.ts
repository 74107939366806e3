/** What a node says when somebody has removed a part of its cluster from NATS: nothing is made up for. */
import { jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { NatsServers } from '../../../transport/nats/testing/index.js'
import { CliProcess, lastJson, runCli, type Finished } from '../testing/cli-process.js'

let servers: NatsServers
let connection: NatsConnection
const nodes: CliProcess[] = []

beforeAll(async () => {
  servers = await NatsServers.start()
  connection = await connect({ servers: servers.addresses })
}, 120_000)

afterAll(async () => {
  for (const node of nodes) node.kill('SIGKILL')
  await Promise.all(nodes.map(({ ended }) => ended))
  await connection.close()
  await servers.stop()
})

function start(cluster: string): CliProcess {
  const words = ['--nats', servers.addresses.join(','), '--cluster', cluster, '--port', '0']
  const unsafe = ['--replicas', '1', '--allow-unsafe-durability', '--shards', '2']
  const node = new CliProcess(['start', ...words, ...unsafe, '--json'])
  nodes.push(node)
  return node
}

/** A cluster with two accounts in each of its shards, and no node any more. */
async function filled(cluster: string): Promise<void> {
  const node = start(cluster)
  const [, url] = await node.until(/"url":"([^"]+)"/)
  for (const name of ['a', 'b', 'c', 'd'])
    await runCli(['accounts', 'open', name, 'CNY'], { SUANPAN_URL: url! })
  node.kill('SIGTERM')
  expect((await node.ended).code).toBe(0)
}

const remove = async (stream: string): Promise<boolean> =>
  (await jetstreamManager(connection)).streams.delete(stream)

const problemOf = ({ stderr }: Finished): { code: string; message: string } =>
  (JSON.parse(stderr.trim().split('\n').at(-1)!) as { error: { code: string; message: string } })
    .error

it('C3: without its bucket a cluster is not founded anew over its journals', async () => {
  await filled('bucketless')
  await remove('KV_suanpan_bucketless')
  const node = await start('bucketless').ended
  expect(node.code).toBe(1)
  expect(problemOf(node)).toMatchObject({
    code: 'identity_lost',
    message: expect.stringContaining('KV_suanpan_bucketless'),
  })
  // A backup is restored in the place of nothing.
  const info = (await jetstreamManager(connection)).streams.info('KV_suanpan_bucketless')
  await expect(info).rejects.toThrow('not found')
}, 60_000)

it('N14: a shard whose journal was removed is not served; the others are', async () => {
  await filled('shardless')
  await remove('SHARD_shardless_1')
  const node = start('shardless')
  await node.until(/serve_failed.*SHARD_shardless_1 is gone/)
  await node.until(/"event":"shard_opened","shard":0/)
  node.kill('SIGTERM')
  expect(lastJson(await node.ended)).toEqual({ event: 'stopped', clean: true })
  const info = (await jetstreamManager(connection)).streams.info('SHARD_shardless_1')
  await expect(info).rejects.toThrow('not found')
}, 60_000)
