import { afterAll, beforeAll, expect, it } from 'vitest'
import { formatsRead, shardOfHome } from '../../../runtime/index.js'
import { ask } from '../../crash/client.js'
import { StormCluster, stormShards, type StormNode } from '../../storm/storm-cluster.js'
import { packageFile } from '../package-file.js'
import { askCli } from '../testing/ask-cli.js'
import type { Finished } from '../testing/cli-process.js'

const [oldest, today] = formatsRead
const tomorrow = today + 1
/** Makes a node one of the next release. */
const nextRelease = { SUANPAN_TEST_FORMATS: `${today}-${tomorrow}` }

let cluster: StormCluster
let environment: Record<string, string>
/** One account in every shard, and what it must hold. */
const accounts: string[] = []
let balance = 0

beforeAll(async () => {
  cluster = await StormCluster.start(packageFile('dist/bin/suanpan.js'), 2)
  environment = { SUANPAN_NATS: cluster.servers.addresses.join(','), SUANPAN_CLUSTER: 'storm' }
  for (let shard = 0; shard < stormShards; shard++) {
    let number = 0
    while (shardOfHome(`account/a${number}`, stormShards) !== shard) number++
    accounts.push(`a${number}`)
  }
  for (const id of accounts) await post('/v1/accounts', { id, currency: 'CNY' }, `open-${id}`)
}, 120_000)

afterAll(async () => {
  await cluster.stop()
})

function suanpan(...words: string[]): Promise<Finished> {
  return askCli([...words, '--json'], environment)
}

async function post(path: string, body: object, key: string): Promise<void> {
  const answer = await ask(cluster.urls[0]!, path, { body, key })
  expect(answer).toMatchObject({ status: 201 })
}

/** A unit more in every shard; then every node shows what all of them must hold. */
async function bank(): Promise<void> {
  balance++
  for (const account of accounts) {
    const body = { account, amount: 1, currency: 'CNY' }
    await post('/v1/deposits', body, `${account}-${balance}`)
  }
  for (const url of cluster.urls) {
    for (const account of accounts) {
      const answer = await ask(url, `/v1/accounts/${account}`)
      expect(JSON.parse(answer!.text)).toMatchObject({ available: balance })
    }
  }
}

async function upgrade(node: StormNode): Promise<void> {
  await node.end('SIGTERM')
  node.environment = nextRelease
  await node.start()
}

async function expectUpgrade(format: number, newest: number, holding: string[]): Promise<void> {
  const { stdout } = await suanpan('upgrade', 'status')
  expect(JSON.parse(stdout)).toMatchObject({ format, newest, holding })
}

it('two releases work side by side until the upgrade is finalised, and an older one can’t join then', async () => {
  const [first, second] = cluster.nodes as [StormNode, StormNode]
  await bank()
  await expectUpgrade(today, today, [])

  await upgrade(second)
  await expectUpgrade(today, today, ['node-1'])
  const early = await suanpan('upgrade', 'finalize')
  expect(early).toMatchObject({ code: 1, stderr: expect.stringContaining('node-1 must be') })
  await bank()
  // What the newer one wrote the older one takes over.
  expect((await suanpan('drain', 'node-2')).code).toBe(0)
  await bank()
  expect((await suanpan('undrain', 'node-2')).code).toBe(0)

  await upgrade(first)
  await expectUpgrade(today, tomorrow, [])
  await bank()
  expect((await suanpan('upgrade', 'finalize')).code).toBe(0)
  await expectUpgrade(tomorrow, tomorrow, [])
  expect(await suanpan('upgrade', 'finalize')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('format_not_newer'),
  })
  await bank()

  const old = await cluster.add()
  await expect(old.start()).rejects.toThrow(
    `What the cluster writes has format ${tomorrow}; this program reads ${oldest} to ${today}. Install the newer program.`,
  )
  expect(old.said).toContain('newer_format')
  // What was written since is read back by those who know it.
  await first.end('SIGKILL')
  await first.start()
  await bank()
}, 240_000)
