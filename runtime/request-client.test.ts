import { expect, it } from 'vitest'
import { defineActor } from './actor/define-actor.js'
import { Kinds } from './actor/kinds.js'
import { limits } from './limits.js'
import { KeyedHash } from './messaging/keyed-hash.js'
import { RequestClient, type RequestClientOptions } from './request-client.js'
import type { ShardRequest } from './shard/requests.js'
import { ManualEnv } from './testing/manual-env.js'
import { readRequests } from './threads/batches.js'

const box = defineActor({
  kind: 'box',
  state: {},
  events: {},
  commands: { put: () => true },
  queries: {},
})

function make(options: Partial<RequestClientOptions> = {}) {
  const env = new ManualEnv()
  const sent: ShardRequest[] = []
  const client = new RequestClient(env, {
    shards: 1,
    kinds: new Kinds({ definitions: [box] }),
    hash: new KeyedHash(new Uint8Array(16)),
    requestTimeoutMs: 1_000,
    keyRetentionMs: limits.keyRetentionMsDefault,
    keyTime: 'none',
    requestsMax: 10,
    placeOf: () => 0,
    send: (_, bytes) => {
      readRequests(bytes, (_shard, request) => sent.push(request.open()))
    },
    ...options,
  })
  return { env, client, sent }
}

it('tells the shard how long it waits, and the time its key carries', async () => {
  const { env, client, sent } = make({ keyTime: 'ulid' })
  // 2023-11-14T22:13:20Z in the first ten digits.
  const idempotencyKey = '01HF7YAT000000000000000000'
  const asked = [
    client.command('box/a', 'put', null, { idempotencyKey, timeoutMs: 2_500 }),
    client.command('box/a', 'put', null),
  ]
  const ends = Promise.allSettled(asked)
  await env.advance(5_000)
  await ends
  expect(sent).toMatchObject([
    { seconds: 3, keyTime: 1_700_000_000_000 },
    { seconds: 1, keyTime: 0 },
  ])
})

it('says of a query without an answer that there is none, and of a command that its outcome is unknown', async () => {
  const { env, client } = make()
  const asked = [client.query('box/a', 'look', null), client.command('box/a', 'put', null)]
  const ends = Promise.allSettled(asked)
  await env.advance(5_000)
  expect(await ends).toMatchObject([
    { reason: { code: 'not_ready', outcome: 'not_executed' } },
    { reason: { code: 'outcome_unknown', outcome: 'unknown' } },
  ])
})

it('refuses a time to wait that is none: such a request would never end', async () => {
  const { client, sent } = make()
  for (const timeoutMs of [NaN, Infinity, -1, '5' as unknown as number]) {
    await expect(client.command('box/a', 'put', null, { timeoutMs })).rejects.toMatchObject({
      code: 'invalid_request',
    })
  }
  expect(client.unanswered).toBe(0)
  expect(sent).toEqual([])
})

it('L1: a batch that can not be sent is lost, whatever made it leave: its requests end as unknown', async () => {
  const lost: unknown[] = []
  const { env, client } = make({
    send: () => {
      throw new TypeError('no way there')
    },
    lost: (place, error) => lost.push([place, String(error)]),
  })
  const big = 'x'.repeat(limits.nodeBatchBytes)
  const ends = Promise.allSettled([
    client.command('box/a', 'put', 'small'),
    client.command('box/a', 'put', big),
    client.command('box/a', 'put', 'alone'),
  ])
  await env.advance(2_000)
  for (const end of await ends) {
    expect(end).toMatchObject({ status: 'rejected', reason: { code: 'outcome_unknown' } })
  }
  expect(lost).toEqual([
    [0, 'TypeError: no way there'],
    [0, 'TypeError: no way there'],
  ])
})
