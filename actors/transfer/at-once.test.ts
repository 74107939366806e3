/** Transfers that are done at once, on a real runtime: their accounts live in many shards of one thread. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRuntime, type Runtime } from '../../runtime/index.js'
import type { Bank, Leg, TransferView } from '../bank.js'
import { payments } from '../index.js'

/** A bank on a folder of its own. */
class Place {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'suanpan-at-once-'))
  runtime!: Runtime
  bank!: Bank
  private readonly nearCalls: boolean

  constructor(nearCalls: boolean) {
    this.nearCalls = nearCalls
  }

  async start(): Promise<void> {
    const { dataDir, nearCalls } = this
    const options = { dataDir, actors: payments.actors, threads: 0, shards: 8, nearCalls }
    this.runtime = await createRuntime(options)
    this.bank = payments.client(this.runtime)
  }

  async openAll(): Promise<void> {
    for (const id of ids) {
      await this.bank.openAccount({ id, currency: 'CNY' })
      const cash = { account: id, amount: 100, currency: 'CNY', idempotencyKey: `in-${id}` }
      await this.bank.deposit(cash)
    }
  }

  /** The transfer, or the code of its refusal. */
  async transfer(legs: readonly Leg[], idempotencyKey: string): Promise<TransferView | string> {
    return this.bank
      .transfer({ legs, idempotencyKey })
      .catch((error: unknown) => (error as { code: string }).code)
  }

  async available(): Promise<number[]> {
    const views = await Promise.all(ids.map((id) => this.bank.account(`account/${id}`)))
    return views.map(({ available }) => available)
  }

  async entryTypes(id: string): Promise<string[]> {
    const { entries } = await this.bank.history(`account/${id}`)
    return entries.map(({ type }) => type)
  }

  async end(): Promise<void> {
    await this.runtime.close()
    rmSync(this.dataDir, { recursive: true, force: true })
  }
}

const ids = ['a', 'b', 'c', 'd', 'e', 'f']

function leg(payer: string, payee: string, amount: number): Leg {
  return { payer: `account/${payer}`, payee: `account/${payee}`, amount, currency: 'CNY' }
}

let atOnce: Place
let byMessages: Place

beforeEach(async () => {
  atOnce = new Place(true)
  byMessages = new Place(false)
  for (const place of [atOnce, byMessages]) {
    await place.start()
    await place.openAll()
  }
})

afterEach(async () => {
  await atOnce.end()
  await byMessages.end()
})

describe('a transfer done at once', () => {
  it('moves every leg without holds, and is the same after a restart', async () => {
    const legs = [leg('a', 'c', 40), leg('b', 'c', 60), leg('b', 'd', 5)]
    const settled = await atOnce.transfer(legs, 'k')
    expect(settled).toMatchObject({ status: 'settled', legs })
    expect(await atOnce.available()).toEqual([60, 35, 200, 105, 100, 100])
    expect(await atOnce.entryTypes('b')).toEqual([
      'transfer_payment',
      'transfer_payment',
      'deposit',
    ])
    expect(await atOnce.entryTypes('c')).toEqual(['transfer_credit', 'transfer_credit', 'deposit'])
    await atOnce.runtime.close()
    await atOnce.start()
    expect(await atOnce.transfer(legs, 'k')).toEqual(settled)
    expect(await atOnce.available()).toEqual([60, 35, 200, 105, 100, 100])
    expect(await atOnce.bank.audit()).toMatchObject({ conserved: true, inFlight: [], findings: [] })
  })

  it('A1, A2: moves nothing when a side is refused, and the first leg’s refusal is the answer', async () => {
    await atOnce.bank.freeze('account/e')
    const refusals: [Leg[], string][] = [
      [[leg('a', 'b', 1), leg('c', 'e', 1)], 'account_frozen'],
      [[leg('a', 'b', 1), leg('c', 'd', 101), leg('a', 'e', 1)], 'insufficient_funds'],
      [[leg('a', 'e', 101)], 'account_frozen'],
      [[leg('a', 'nobody', 1)], 'payee_not_found'],
      [[leg('a', 'b', 1), leg('nobody', 'b', 1)], 'account_not_found'],
    ]
    for (const [i, [legs, code]] of refusals.entries()) {
      expect(await atOnce.transfer(legs, `k${i}`)).toBe(code)
    }
    expect(await atOnce.available()).toEqual([100, 100, 100, 100, 100, 100])
    expect(await atOnce.entryTypes('c')).toEqual(['deposit'])
  })

  it('counts funds over all legs of a payer, and nothing that the transfer itself brings', async () => {
    const tooMuch = [leg('a', 'b', 60), leg('a', 'c', 41)]
    expect(await atOnce.transfer(tooMuch, '1')).toBe('insufficient_funds')
    const fed = [leg('a', 'b', 50), leg('b', 'c', 150)]
    expect(await atOnce.transfer(fed, '2')).toBe('insufficient_funds')
    const inCircle = [leg('a', 'b', 100), leg('b', 'c', 100), leg('c', 'a', 100)]
    expect(await atOnce.transfer(inCircle, '3')).toMatchObject({ status: 'settled' })
    expect(await atOnce.available()).toEqual([100, 100, 100, 100, 100, 100])
  })

  it('ends as one that goes through its coordinator, whatever its legs', async () => {
    for (const { bank } of [atOnce, byMessages]) await bank.freeze('account/f')
    const who = fc.constantFrom(...ids, 'nobody')
    const legs = fc.array(fc.tuple(who, who, fc.integer({ min: 1, max: 90 })), {
      minLength: 1,
      maxLength: 6,
    })
    let key = 0
    await fc.assert(
      fc.asyncProperty(legs, async (drawn) => {
        const sound = drawn.filter(([from, to]) => from !== to).map((one) => leg(...one))
        if (sound.length === 0) return
        const name = `k${key++}`
        const here = await atOnce.transfer(sound, name)
        const there = await byMessages.transfer(sound, name)
        expect(typeof here === 'string' ? here : 'settled').toBe(
          typeof there === 'string' ? there : 'settled',
        )
        expect(await atOnce.available()).toEqual(await byMessages.available())
      }),
      { numRuns: 300 },
    )
    for (const { bank } of [atOnce, byMessages]) {
      expect(await bank.audit()).toMatchObject({ conserved: true, inFlight: [], findings: [] })
    }
  })

  it('A4: pairs of shards agree whenever they are compared', async () => {
    const round = (name: string, count: number): Promise<unknown>[] =>
      Array.from({ length: count }, (_, i) => {
        const [payer, other, payee] = [0, 1, 2].map((step) => ids[(i + step * (1 + (i % 2))) % 6]!)
        const legs = [leg(payer!, payee!, 1), leg(other!, payee!, 1)]
        return atOnce.transfer(legs, `${name}-${i}`)
      })
    // Shards that never told each other anything have nothing to compare.
    await Promise.all(round('before', 120))
    const ended = new AbortController()
    const transfers = Promise.all(round('meanwhile', 6_000)).then(() => ended.abort())
    while (!ended.signal.aborted) expect((await atOnce.bank.audit()).findings).toEqual([])
    await transfers
  })
})
