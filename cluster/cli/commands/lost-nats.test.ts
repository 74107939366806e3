/** What a node does when NATS is gone, or somebody has removed a part of its cluster there: nothing is made up for. */
import { jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { connectNats } from '../../../transport/nats/index.js'
import { NatsServers } from '../../../transport/nats/testing/index.js'
import { askCli } from '../testing/ask-cli.js'
import { CliProcess, lastJson, type Finished } from '../testing/cli-process.js'

let servers: NatsServers
/** To be killed. */
let doomed: NatsServers
let connection: NatsConnection
const nodes: CliProcess[] = []

beforeAll(async () => {
  ;[servers, doomed] = await Promise.all([NatsServers.start(), NatsServers.start()])
  connection = await connect({ servers: servers.addresses })
}, 120_000)

afterAll(async () => {
  for (const node of nodes) node.kill('SIGKILL')
  await Promise.all(nodes.map(({ ended }) => ended))
  await connection.close()
  await Promise.all([servers.stop(), doomed.stop()])
})

function start(cluster: string, at = servers): CliProcess {
  const words = ['--nats', at.addresses.join(','), '--cluster', cluster, '--port', '0']
  const unsafe = ['--replicas', '1', '--allow-unsafe-durability', '--shards', '2']
  const node = new CliProcess(['start', ...words, ...unsafe, '--json'])
  nodes.push(node)
  return node
}

async function open(node: CliProcess, names: readonly string[]): Promise<string> {
  const [, url] = await node.until(/"url":"([^"]+)"/)
  for (const name of names) await askCli(['accounts', 'open', name, 'CNY'], { SUANPAN_URL: url! })
  return url!
}

/** A cluster with accounts in each of its shards, and no node any more. @returns how its node ended */
async function filled(cluster: string): Promise<Finished> {
  const node = start(cluster)
  await open(node, ['a', 'b', 'c', 'd'])
  node.kill('SIGTERM')
  return node.ended
}

const remove = async (stream: string): Promise<boolean> =>
  (await jetstreamManager(connection)).streams.delete(stream)

const infoOf = async (stream: string): Promise<unknown> =>
  (await jetstreamManager(connection)).streams.info(stream)

const problemOf = ({ stderr }: Finished): { code: string; message: string } =>
  (JSON.parse(stderr.trim().split('\n').at(-1)!) as { error: { code: string; message: string } })
    .error

// Each waits for something most of its time.
describe.concurrent('a cluster', () => {
  it('C3: without its bucket is not founded anew over what is left of its journals', async ({
    expect,
  }) => {
    expect((await filled('bucketless')).code).toBe(0)
    await remove('KV_suanpan_bucketless')
    for (const stream of ['SHARD_bucketless_0', 'SNAP_bucketless_0']) await remove(stream)
    const node = await start('bucketless').ended
    expect(node.code).toBe(1)
    expect(problemOf(node)).toMatchObject({
      code: 'identity_lost',
      message: expect.stringContaining('KV_suanpan_bucketless'),
    })
    // A backup is restored in the place of nothing.
    await expect(infoOf('KV_suanpan_bucketless')).rejects.toThrow('not found')
  }, 120_000)

  it('SN6: without one of its journals serves all shards but that one', async ({ expect }) => {
    expect((await filled('shardless')).code).toBe(0)
    await remove('SHARD_shardless_1')
    const node = start('shardless')
    await node.until(/serve_failed.*SHARD_shardless_1 is gone/)
    await node.until(/"event":"shard_opened","shard":0/)
    node.kill('SIGTERM')
    expect(lastJson(await node.ended)).toEqual({ event: 'stopped', clean: true })
    await expect(infoOf('SHARD_shardless_1')).rejects.toThrow('not found')
  }, 120_000)

  it('SN6: with a bucket of another time serves no journal that it does not know', async ({
    expect,
  }) => {
    expect((await filled('strange')).code).toBe(0)
    const nats = await connectNats({ servers: servers.addresses })
    const old = await nats.bucket('suanpan_strange', { replicas: 0 })
    const { value } = (await old.get('identity'))!
    await remove('KV_suanpan_strange')
    const bucket = await nats.bucket('suanpan_strange', { replicas: 1 })
    await bucket.put('identity', value, 0)
    await nats.close()
    const node = start('strange')
    await node.until(/serve_failed.*SHARD_strange_1 holds a journal that its cluster/)
    node.kill('SIGTERM')
    expect(lastJson(await node.ended)).toEqual({ event: 'stopped', clean: true })
  }, 120_000)

  it('S7: has nodes that end when they are asked to before they serve', async ({ expect }) => {
    // Its shards are given out a second after it took the office.
    const node = start('early')
    await node.until(/office_taken/)
    node.kill('SIGTERM')
    const ended = await node.ended
    expect(lastJson(ended)).toEqual({ event: 'stopped', clean: true })
    expect(ended).toMatchObject({ code: 0, signal: null })
    expect(ended.stdout).not.toContain('listening')
  }, 30_000)

  it('without NATS has nodes that end within the half minute they are given, and say what they do not know', async ({
    expect,
  }) => {
    const node = start('abandoned', doomed)
    const url = await open(node, ['alice'])
    await doomed.kill(0)
    const deposit = fetch(`${url}/v1/deposits`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'top-up-1' },
      body: JSON.stringify({ account: 'alice', amount: 100, currency: 'CNY' }),
    })
    deposit.catch(() => undefined)
    await node.until(/storage_waits/)
    node.kill('SIGTERM')
    const ended = await node.ended
    expect(ended.signal).toBeNull()
    expect(ended.code).toBe(1)
    expect(lastJson(ended)).toEqual({ event: 'stopped', clean: false })
  }, 120_000)
})
