/** A cluster backed up with the means of NATS, and restored elsewhere: what the README says of both. */
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { afterEach, expect, it } from 'vitest'
import type { Bank } from '../../actors/index.js'
import {
  allStreams,
  backUpStream,
  restoreStream,
  type StreamBackup,
} from '../../transport/nats/testing/index.js'
import { RealNodes } from './testing/real-nodes.js'

const names = Array.from({ length: 12 }, (_, i) => `payer-${i}`)
const opened = 10_000

const clusters: RealNodes[] = []
const connections: NatsConnection[] = []

afterEach(async () => {
  await Promise.all(connections.splice(0).map((nats) => nats.close()))
  for (const cluster of clusters.splice(0)) await cluster.stop()
})

async function started(folder?: string): Promise<{ cluster: RealNodes; nats: NatsConnection }> {
  if (folder !== undefined) await mkdir(folder, { recursive: true })
  const where = folder === undefined ? {} : { folder }
  const cluster = await RealNodes.start({ servers: 3, syncAlways: false, ...where })
  clusters.push(cluster)
  const nats = await connect({ servers: cluster.address })
  connections.push(nats)
  return { cluster, nats }
}

type PaymentOrder = Parameters<Bank['pay']>[0]

/** Pays to and fro, and keeps books of its own. */
class Load {
  /** What was acknowledged, by account. */
  readonly balances = new Map(names.map((name) => [name, opened]))
  readonly payments = new Map<PaymentOrder, string>()
  private ended = false
  private readonly lines: Promise<void>[]

  constructor(bank: Bank) {
    this.lines = names.map((payer, i) => this.pay(bank, payer, i))
  }

  async end(): Promise<void> {
    this.ended = true
    await Promise.all(this.lines)
  }

  private async pay(bank: Bank, payer: string, line: number): Promise<void> {
    for (let i = 0; !this.ended; i++) {
      const payee = names[(line + 1 + (i % (names.length - 1))) % names.length]!
      const key = `${payer}-${i}`
      const order = {
        payer,
        payee: `account/${payee}`,
        amount: 1 + (i % 7),
        currency: 'CNY',
        idempotencyKey: key,
      }
      const paid = await bank.pay(order)
      this.payments.set(order, paid.id)
      this.balances.set(payer, this.balances.get(payer)! - order.amount)
      this.balances.set(payee, this.balances.get(payee)! + order.amount)
    }
  }
}

async function loaded(cluster: RealNodes): Promise<Load> {
  for (let i = 0; i < 2; i++) await cluster.join({ shards: 8, replicas: 3 })
  await cluster.even()
  const bank = cluster.bank(cluster.nodes[0]!)
  for (const id of names) {
    await bank.openAccount({ id, currency: 'CNY' })
    await bank.deposit({ account: id, amount: opened, currency: 'CNY', idempotencyKey: id })
  }
  return new Load(bank)
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** All of it, with the means of NATS. */
async function copied(nats: NatsConnection, between = (): Promise<void> => pause(0)) {
  const backups: StreamBackup[] = []
  // In the order of the tools.
  for (const name of [...(await allStreams(nats))].toSorted()) {
    backups.push(await backUpStream(nats, name))
    await between()
  }
  expect(backups.map(({ name }) => name)).toContain('KV_suanpan_real')
  return backups
}

async function startedOn(backups: readonly StreamBackup[]): Promise<RealNodes> {
  const { cluster, nats } = await started()
  for (const backup of backups) await restoreStream(nats, backup)
  return cluster
}

/** Of a cluster that was restored: every balance, every key, and the audit. */
async function expectWhole(cluster: RealNodes, { balances, payments }: Load): Promise<void> {
  const node = await cluster.join({ replicas: 3 })
  await cluster.even()
  const bank = cluster.bank(node)
  for (const [name, balance] of balances) expect((await bank.account(name)).available).toBe(balance)
  expect(payments.size).toBeGreaterThan(names.length)
  for (const [order, id] of payments) expect((await bank.pay(order)).id).toBe(id)
  expect(await bank.audit()).toMatchObject({ conserved: true })
  expect(cluster.failures).toEqual([])
}

it('a cluster whose nodes were stopped is whole when its streams are restored elsewhere', async () => {
  const { cluster, nats } = await started()
  const load = await loaded(cluster)
  await pause(2_000)
  await cluster.nodes[0]!.snapshot()
  await pause(500)
  await load.end()
  for (const node of cluster.nodes) await node.leave()
  await expectWhole(await startedOn(await copied(nats)), load)
}, 180_000)

it('a cluster whose servers were stopped is whole on copies of their folders', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'suanpan-copied-'))
  try {
    const { cluster } = await started(join(folder, 'first'))
    const load = await loaded(cluster)
    await pause(2_000)
    await load.end()
    for (const node of cluster.nodes) await node.leave()
    await cluster.stop()
    await cp(join(folder, 'first'), join(folder, 'second'), { recursive: true })
    await expectWhole((await started(join(folder, 'second'))).cluster, load)
  } finally {
    await Promise.all(clusters.splice(0).map((cluster) => cluster.stop()))
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}, 180_000)

it('A8, A9: of streams copied one after the other while payments go on, those that do not fit are refused', async () => {
  const { cluster, nats } = await started()
  const load = await loaded(cluster)
  await pause(1_000)
  const backups = await copied(nats, () => pause(100))
  await load.end()
  for (const node of cluster.nodes) node.stop()

  const torn = await startedOn(backups)
  await torn.join({ replicas: 3 })
  const refused = (): boolean =>
    torn.reports.some(([, , { error }]) => /lost its end/.test(String(error)))
  await torn.until(refused)
}, 120_000)
