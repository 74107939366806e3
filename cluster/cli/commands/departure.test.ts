/** What a node of a cluster does when it is stopped and NATS is away: it ends, and says what it does not know. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { NatsServers } from '../../../transport/nats/testing/index.js'
import { CliProcess, lastJson, runCli } from '../testing/cli-process.js'

let servers: NatsServers
let node: CliProcess

beforeAll(async () => {
  servers = await NatsServers.start()
  const words = ['--nats', servers.addresses.join(','), '--node', 'one', '--port', '0', '--json']
  const unsafe = ['--replicas', '1', '--allow-unsafe-durability', '--shards', '2']
  node = new CliProcess(['start', ...words, ...unsafe])
}, 120_000)

afterAll(async () => {
  node.kill('SIGKILL')
  await node.ended
  await servers.stop()
})

it('a node whose frames nobody takes ends within the half minute it is given', async () => {
  const [, url] = await node.until(/"url":"([^"]+)"/)
  await runCli(['accounts', 'open', 'alice', 'CNY'], { SUANPAN_URL: url! })
  await servers.kill(0)
  const deposit = fetch(`${url!}/v1/deposits`, {
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
}, 60_000)
