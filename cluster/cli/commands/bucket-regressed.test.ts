/** What nodes do when the bucket of their cluster is put back to what it was: a backup, an older copy of a disk. */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connectNats } from '../../../transport/nats/index.js'
import { NatsServers } from '../../../transport/nats/testing/index.js'
import { askCli } from '../testing/ask-cli.js'
import { CliProcess, lastJson, type Finished } from '../testing/cli-process.js'

let servers: NatsServers
let folder: string
const nodes: CliProcess[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'suanpan-regress-'))
  servers = await NatsServers.start({ folder })
}, 120_000)

afterAll(async () => {
  for (const node of nodes) node.kill('SIGKILL')
  await Promise.all(nodes.map(({ ended }) => ended))
  await servers.stop()
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
})

const bucketFolder = (): string => join(folder, 'n1/jetstream/$G/streams/KV_suanpan_back')

interface Started {
  readonly node: CliProcess
  readonly url: string
  run(command: readonly string[]): Promise<Finished>
}

async function start(): Promise<Started> {
  const words = ['--nats', servers.addresses.join(','), '--cluster', 'back', '--port', '0']
  const unsafe = ['--replicas', '1', '--allow-unsafe-durability', '--shards', '2']
  const node = new CliProcess(['start', ...words, ...unsafe, '--json'])
  nodes.push(node)
  const [, url] = await node.until(/"url":"([^"]+)"/)
  return {
    node,
    url: url!,
    run: (command) => askCli([...command, '--json'], { SUANPAN_URL: url! }),
  }
}

async function deposit(url: string, amount: number): Promise<void> {
  const answer = await fetch(`${url}/v1/deposits`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': 'd' },
    body: JSON.stringify({ account: 'alice', amount, currency: 'CNY' }),
  })
  expect(answer.status).toBe(201)
}

/** Of the bucket as it is now. */
async function lastRevision(): Promise<number> {
  const nats = await connectNats({ servers: servers.addresses })
  const answer = await nats.bus.request('$JS.API.STREAM.INFO.KV_suanpan_back', nothing, 5_000)
  await nats.close()
  return (JSON.parse(Buffer.from(answer).toString()) as { state: { last_seq: number } }).state
    .last_seq
}

const nothing = new Uint8Array(0)

/** Stops the server, does something about its disk, and starts it again. */
async function onDisk(change: () => Promise<void>): Promise<void> {
  await servers.kill(0)
  await change()
  servers.restart(0)
  await servers.healthy()
}

it('C5, M5: who ran meanwhile ends with a code, told once; who starts then serves all that was done', async () => {
  const backup = join(folder, 'backup')
  const first = await start()
  await first.run(['accounts', 'open', 'alice', 'CNY'])
  await onDisk(() => cp(bucketFolder(), backup, { recursive: true }))
  await expect
    .poll(async () => (await fetch(`${first.url}/readyz`)).status, { timeout: 30_000 })
    .toBe(200)
  // The journals go on, and so does the bucket.
  await deposit(first.url, 500)
  const revision = await lastRevision()
  await expect.poll(lastRevision).toBeGreaterThan(revision + 5)
  await onDisk(async () => {
    await rm(bucketFolder(), { recursive: true })
    await cp(backup, bucketFolder(), { recursive: true })
  })
  const ended = await first.node.ended
  expect(ended.code).toBe(1)
  expect(ended.stderr).toContain('the bucket holds an older entry than was written into it')
  expect(ended.stderr.match(/bucket_regressed/g)).toHaveLength(1)
  expect(JSON.parse(ended.stderr.trim().split('\n').at(-1)!)).toMatchObject({
    error: {
      code: 'bucket_regressed',
      message: expect.stringContaining('KV_suanpan_back went back') as string,
    },
  })

  const second = await start()
  const account = await second.run(['accounts', 'show', 'alice'])
  expect(lastJson(account)).toMatchObject({ id: 'alice', available: 500 })
  expect((await second.run(['status'])).code).toBe(0)
}, 240_000)
