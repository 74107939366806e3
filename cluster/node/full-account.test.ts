import { afterEach, expect, it } from 'vitest'
import type { Fault } from '../../runtime/index.js'
import { fillAccount, smallAccount } from './testing/full-account.js'
import { RealNodes } from './testing/real-nodes.js'

let cluster: RealNodes | undefined

afterEach(() => cluster?.stop())

it('G6, M8: whoever asks while the account is full hears so within seconds, and of what was begun that nobody knows', async () => {
  cluster = await RealNodes.start({ syncAlways: false, config: smallAccount })
  const nodes = [await cluster.join({ shards: 4 }), await cluster.join({ shards: 4 })]
  await cluster.even()
  const names = ['ann', 'bob', 'cid', 'dan']
  for (const id of names) await cluster.bank(nodes[0]!).openAccount({ id, currency: 'CNY' })
  const ended = async (asked: Promise<unknown>, ms: number): Promise<unknown> => {
    const begun = performance.now()
    const how = await asked.then(
      () => 'done',
      (error: unknown) => (error as Fault).code,
    )
    expect(performance.now() - begun).toBeLessThan(ms)
    return how
  }
  const deposit = (account: string, key: string, node = nodes[0]!) =>
    cluster!.bank(node).deposit({ account, amount: 5, currency: 'CNY', idempotencyKey: key })

  const makeRoom = await fillAccount(cluster.address)
  for (const node of nodes) {
    const begun = names.map((name) => ended(deposit(name, `begun ${name}`, node), 9_000))
    for (const how of await Promise.all(begun)) expect(how).toBe('outcome_unknown')
    const later = names.map((name) => ended(deposit(name, `later ${name}`, node), 3_000))
    for (const how of await Promise.all(later)) expect(how).toBe('not_ready')
    const reads = names.map((name) => ended(cluster!.bank(node).account(name), 8_000))
    for (const how of await Promise.all(reads)) expect(how).toBe('not_ready')
  }

  await makeRoom()
  await cluster.until(() => nodes.every((node) => node.membership.valid))
  for (const name of names) {
    // Its stream is tried once a second.
    while ((await ended(deposit(name, `begun ${name}`), 20_000)) !== 'done')
      await new Promise((resolve) => setTimeout(resolve, 100))
    expect((await cluster.bank(nodes[1]!).account(name)).available).toBe(5)
  }
}, 120_000)
