import { afterEach, expect, it } from 'vitest'
import { fillAccount, smallAccount } from '../node/testing/full-account.js'
import { RealNodes } from '../node/testing/real-nodes.js'
import { ClusterSession } from './cluster-session.js'
import { runClusterStatus } from './commands/cluster-status.js'
import { Output } from './output.js'

let cluster: RealNodes | undefined

afterEach(() => cluster?.stop())

it('CS2: says that the account is full, and shows what is known all the same', async () => {
  cluster = await RealNodes.start({ syncAlways: false, config: smallAccount })
  const nodes = [await cluster.join({ shards: 4 }), await cluster.join({ shards: 4 })]
  await cluster.even()
  const makeRoom = await fillAccount(cluster.address)
  await cluster.until(() => !nodes.some(({ membership }) => membership.valid))
  const full = expect.stringMatching(/no room left: .*raise its limits/)

  const seen = await new ClusterSession(await cluster.connect(), 'real').seen()
  expect(seen).toMatchObject({ coordinator: '', trouble: full })
  expect(seen.nodes.map(({ name, state }) => [name, state]).toSorted()).toEqual([
    ['node-1', 'up'],
    ['node-2', 'up'],
  ])
  expect(seen.shards.map(({ owner }) => owner)).not.toContain(null)
  expect(seen.shards).toHaveLength(4)

  let said = ''
  const stdout = { write: (text: string) => (said += text) }
  const output = new Output(true, { stdout, stderr: stdout })
  const words = { nats: [cluster.address], cluster: 'real' } as never
  await expect(runClusterStatus(words, output)).rejects.toMatchObject({
    code: 'no_coordinator',
    message: full,
  })
  expect(JSON.parse(said)).toMatchObject({ ready: false, nodesAnswering: 2, shards: 4 })
  await makeRoom()
}, 120_000)

it('CS2: shows nothing where no node answers', async () => {
  cluster = await RealNodes.start({ syncAlways: false })
  const node = await cluster.join({ shards: 4 })
  await cluster.even()
  node.stop()
  const session = new ClusterSession(await cluster.connect(), 'real')
  await expect(session.seen()).rejects.toMatchObject({ code: 'no_coordinator' })
}, 60_000)
