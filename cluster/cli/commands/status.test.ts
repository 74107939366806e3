/** What `suanpan status` says of a node that does not answer, or not of everything. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { askCli } from '../testing/ask-cli.js'
import { lastJson, runCli } from '../testing/cli-process.js'

const servers: Server[] = []

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** A node that answers these paths, and to others never. */
async function nodeOf(answers: Readonly<Record<string, string>>): Promise<string> {
  const server = createServer(({ url }, response) => {
    const answer = answers[url ?? '']
    if (answer !== undefined) response.end(answer)
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

it('a node that takes connections and answers nothing is unreachable after some seconds', async () => {
  const url = await nodeOf({})
  const { code, stderr } = await runCli(['status', '--url', url, '--json'])
  expect(code).toBe(1)
  expect(JSON.parse(stderr)).toMatchObject({
    error: {
      code: 'node_unreachable',
      message: expect.stringContaining('did not answer within 5 s (/healthz)') as string,
    },
  })
}, 60_000)

it('a shard whose storage takes nothing is named, with all the others, and there is no audit', async () => {
  const url = await nodeOf({
    '/healthz': '{}',
    '/readyz': '{}',
    '/metrics': [
      'suanpan_shard_ordinal{shard="0"} 7',
      'suanpan_shard_left_out{shard="0"} 0',
      'suanpan_shard_left_out{shard="1"} 1',
    ].join('\n'),
  })
  const json = await askCli(['status', '--url', url, '--json'])
  expect(json.code).toBe(1)
  expect(lastJson(json)).toMatchObject({ ready: true, shards: 1, ordinals: 7, shardsLeftOut: [1] })
  const words = await askCli(['status', '--url', url])
  expect(words.stdout).toContain('shards 1: their storage takes nothing')
  expect(words.stderr).toContain('Not audited: the storage of shard 1 takes nothing.')
}, 60_000)
