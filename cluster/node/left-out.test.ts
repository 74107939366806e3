import { afterEach, expect, it } from 'vitest'
import { shardOfHome } from '../../runtime/index.js'
import type { StreamLog } from '../../transport/index.js'
import { RealNodes } from './testing/real-nodes.js'

let cluster: RealNodes

afterEach(() => cluster.stop())

it('a shard whose storage takes nothing is left out, by its number, and holds nothing else up', async () => {
  cluster = await RealNodes.start({ syncAlways: false })
  const nats = await cluster.connect()
  const stream = nats.stream.bind(nats)
  let full = ''
  nats.stream = async (...words) => {
    const log: StreamLog = await stream(...words)
    const append = log.append.bind(log)
    log.append = (bytes, after) =>
      log.name === full ? new Promise(() => undefined) : append(bytes, after)
    return log
  }
  const node = await cluster.join({ nats, shards: 2 })
  await cluster.even()
  const bank = cluster.bank(node)
  const names = Array.from({ length: 8 }, (_, i) => `account-${i}`)
  for (const id of names) await bank.openAccount({ id, currency: 'CNY' })
  expect((await node.vitals()).leftOut).toEqual([])

  full = 'SHARD_real_1'
  const account = names.find((name) => shardOfHome(`account/${name}`, 2) === 1)!
  const money = { account, amount: 100, currency: 'CNY', idempotencyKey: 'd' }
  bank.deposit(money).catch(() => undefined)
  while ((await node.vitals()).leftOut?.length === 0) await new Promise(setImmediate)
  const { leftOut, shards, transit } = await node.vitals()
  expect({ leftOut, shards: shards.map(({ shard }) => shard) }).toEqual({
    leftOut: [1],
    shards: [0],
  })
  expect(transit).toEqual({ CNY: '0' })
  await expect(node.client.shardStatus()).rejects.toMatchObject({
    code: 'not_ready',
    message: expect.stringContaining('Shards 1 are') as string,
  })
}, 60_000)
