import { afterEach, expect, it } from 'vitest'
import { shardOfHome } from '../../runtime/index.js'
import { pack } from '../../transport/index.js'
import { RealNodes } from './testing/real-nodes.js'

let cluster: RealNodes | undefined

afterEach(async () => {
  await cluster?.stop()
})

/** Tallies of shards that deal with each other in four currencies are longer than this together, frames are not. */
const maxPayloadBytes = 4 * 1024
const shards = 8
const currencies = ['CNY', 'USD', 'EUR', 'JPY']

it('NL3: a whole audit fits servers that take short messages only, and ends nobody', async () => {
  cluster = await RealNodes.start({ maxPayloadBytes, syncAlways: false })
  const options = { shards, snapshotChunkBytes: 2 * 1024 }
  const first = await cluster.join(options)
  await cluster.join(options)
  await cluster.even()
  const bank = cluster.bank(first)
  for (const currency of currencies) {
    const ids = Array.from({ length: shards }, (_, shard) => idIn(shard, currency))
    await Promise.all(ids.map((id) => bank.openAccount({ id, currency })))
    for (const id of ids) {
      await bank.deposit({ account: id, amount: 10_000, currency, idempotencyKey: `d-${id}` })
      const pays = ids.map((payee) => ({
        payer: id,
        payee: `account/${payee}`,
        amount: 7,
        currency,
      }))
      const others = pays.filter(({ payee }) => payee !== `account/${id}`)
      await Promise.all(others.map((pay) => bank.pay({ ...pay, idempotencyKey: pay.payee })))
    }
  }
  for (const node of cluster.nodes) {
    const mine = await node.localStatus()
    expect(pack(mine).length).toBeGreaterThan(maxPayloadBytes)
    const audit = await cluster.bank(node).audit()
    expect(audit).toMatchObject({ conserved: true, findings: [] })
    expect(audit.currencies.map(({ currency }) => currency)).toEqual(currencies.toSorted())
  }
  await expect(first.client.release(`account/${idIn(0, 'CNY')}`)).rejects.toMatchObject({
    code: 'invalid_request',
    message: expect.stringContaining('is not quarantined') as string,
  })
  expect(cluster.failures).toEqual([])
  expect(cluster.reports.filter(([, event]) => event === 'message_unsent')).toEqual([])
})

/** An account of a shard. */
function idIn(shard: number, currency: string): string {
  for (let i = 0; ; i++) {
    const id = `${currency.toLowerCase()}-${i}`
    if (shardOfHome(`account/${id}`, shards) === shard) return id
  }
}
