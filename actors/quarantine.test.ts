/** Quarantined accounts: what they are asked for ends alike wherever they live, and nothing is lost. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRuntime, shardOfHome, type Runtime } from '../runtime/index.js'
import type { Bank } from './bank.js'
import { payments } from './index.js'

const currency = 'CNY'
const shards = 4
const payer = idIn(0, 'payer')

let dataDir = ''
let runtime: Runtime
let bank: Bank
let keys = 0

/** An id whose account lives in this shard. */
function idIn(shard: number, name: string): string {
  for (let i = 0; ; i++) {
    if (shardOfHome(`account/${name}${i}`, shards) === shard) return `${name}${i}`
  }
}

const key = (): { idempotencyKey: string } => ({ idempotencyKey: `key-${keys++}` })

async function start(nearCalls: boolean): Promise<void> {
  const options = { dataDir, actors: payments.actors, threads: 0, shards, nearCalls }
  // Actors fail here as they should; nobody has to read of it.
  runtime = await createRuntime({ ...options, onReport: () => undefined })
  bank = payments.client(runtime)
}

async function open(...ids: string[]): Promise<void> {
  for (const id of ids) {
    await bank.openAccount({ id, currency })
    await bank.deposit({ account: id, amount: 1_000, currency, ...key() })
  }
}

/** Makes an account fail as often as it may. */
async function setAside(id: string): Promise<void> {
  const step = { payment: 'p', other: '', amount: 1_000_000, currency, peer: 0 }
  for (let i = 0; i < 3; i++) {
    const failing = runtime.command(`account/${id}`, 'post', step)
    await expect(failing).rejects.toMatchObject({ code: 'actor_failed' })
  }
  expect(await runtime.quarantined()).toMatchObject([{ address: `account/${id}` }])
}

const pay = (payee: string, amount: number, more: object = {}) =>
  bank.pay({ payer, payee: `account/${payee}`, amount, currency, ...more, ...key() })

const quarantined = { code: 'quarantined' }

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'suanpan-quarantine-'))
})

afterEach(async () => {
  expect(await bank.audit()).toMatchObject({ findings: [] })
  await runtime.close()
  rmSync(dataDir, { recursive: true, force: true })
})

describe.each([
  ['in the payer’s shard', 0, true],
  ['in a shard that can be called', 1, true],
  ['in a shard that can not', 1, false],
])('a quarantined account %s', (_where, shard, nearCalls) => {
  const payee = idIn(shard, 'payee')

  it('is paid, captured for, refunded from and transferred to by nobody, and everybody is told so', async () => {
    await start(nearCalls)
    await open(payer, payee)
    const settled = await pay(payee, 10)
    const held = await pay(payee, 20, { capture: 'manual' })
    await setAside(payee)
    await expect(pay(payee, 30)).rejects.toMatchObject(quarantined)
    await expect(bank.capture({ payment: held.id, ...key() })).rejects.toMatchObject(quarantined)
    await expect(bank.refund({ payment: settled.id, ...key() })).rejects.toMatchObject(quarantined)
    const legs = [{ payer, payee: `account/${payee}`, amount: 40, currency }]
    await expect(bank.transfer({ legs, ...key() })).rejects.toMatchObject(quarantined)
    expect((await bank.account(`account/${payer}`)).available).toBe(1_000 - 10 - 20)

    await runtime.release(`account/${payee}`)
    expect(await bank.capture({ payment: held.id, ...key() })).toMatchObject({ status: 'settled' })
    await pay(payee, 30)
    expect((await bank.account(`account/${payee}`)).available).toBe(1_000 + 10 + 20 + 30)
  })

  it('that pays is asked for nothing new, and what is given back waits with it', async () => {
    await start(nearCalls)
    await open(payer, payee)
    const settled = await pay(payee, 10)
    const held = await pay(payee, 20, { capture: 'manual' })
    const other = await pay(payee, 40, { capture: 'manual' })
    await setAside(payer)
    await expect(bank.capture({ payment: held.id, ...key() })).rejects.toMatchObject(quarantined)
    await expect(bank.refund({ payment: settled.id, ...key() })).rejects.toMatchObject(quarantined)
    expect(await bank.voidPayment({ payment: other.id, ...key() })).toMatchObject({
      status: 'voided',
    })
    expect(await runtime.quarantined()).toMatchObject([{ parkedMessages: 1 }])
    await runtime.close()
    await start(nearCalls)
    expect(await runtime.quarantined()).toMatchObject([{ parkedMessages: 1 }])

    await runtime.release(`account/${payer}`)
    expect((await bank.account(`account/${payer}`)).available).toBe(1_000 - 10 - 20)
    expect(await bank.capture({ payment: held.id, ...key() })).toMatchObject({ status: 'settled' })
  })
})
