/**
 * DC1: a payment done directly is the payment that the command does: the same frames, answers and states, byte
 * for byte, whatever came before.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressOf, type ActorModule, type Address } from '../../runtime/index.js'
import { ShardsInMemory, snapshotBlocks, type TestAnswer } from '../../runtime/testing/index.js'
import { payments } from '../index.js'
import { payDirectly } from '../account/pay-directly.js'

const { actors } = payments
let planned = 0

/** The actors of payments, told how often a payment is done directly, or doing none so. */
function withDirect(direct: boolean): ActorModule {
  const definitions = actors.definitions.map((definition) => {
    if (definition.direct === undefined) return definition
    if (!direct) return { ...definition, direct: {} }
    const plan: typeof payDirectly.plan = (turn, input) => {
      const found = payDirectly.plan(turn, input)
      if (found !== undefined) planned++
      return found
    }
    return { ...definition, direct: { pay: { ...payDirectly, plan } } }
  })
  return { ...actors, definitions }
}

type Step = readonly [address: Address, command: string, input: unknown, key: string | undefined]

const accounts = Array.from({ length: 6 }, (_, i) => addressOf('account', `a${i}`))
const shops = Array.from({ length: 3 }, (_, i) => addressOf('merchant', `shop-${i}`))
const all = [...accounts, ...shops]
const currencyOf = (address: Address): string => (address === accounts[5] ? 'EUR' : 'CNY')

const payer = fc.constantFrom(...all)
const amount = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 1, max: 300 }) },
  fc.constantFrom(0, -5, 1.5, 2 ** 52, Number.MAX_SAFE_INTEGER),
)
const memo = fc.oneof(
  fc.constant(''),
  fc.constantFrom(
    'lunch',
    'payment/p0-5',
    'account/a1',
    'Überweisung €',
    '\ud800',
    'x'.repeat(200),
  ),
)
const rarely = fc.nat(5).map((n) => n === 0)
const pay = fc
  .tuple(payer, payer, amount, memo, rarely, fc.option(fc.nat(12), { nil: undefined }))
  .map(([from, payee, of, text, manual, key]): Step => {
    const input = {
      payee,
      amount: of,
      currency: currencyOf(from),
      manual,
      expiresInMs: manual ? 5_000 : 0,
      memo: text,
    }
    return [from, 'pay', input, key === undefined ? undefined : `k${key}`]
  })
/** A payment there may be: what it sends to its payee's shard is before a payment that is asked for next. */
const paid = fc
  .tuple(fc.nat(3), fc.integer({ min: 4, max: 30 }))
  .map(([shard, number]) => addressOf('payment', `p${shard}-${number.toString(36)}`))
const other = fc.oneof(
  paid.map((which): Step => [which, 'capture', { final: true }, undefined]),
  paid.map((which): Step => [which, 'refund', {}, undefined]),
  payer.map((who): Step => [who, 'freeze', null, undefined]),
  payer.map((who): Step => [who, 'unfreeze', null, undefined]),
  fc
    .tuple(payer, fc.nat(2_000))
    .map(([who, perDay]): Step => [who, 'setLimits', { perPayment: 0, perDay }, undefined]),
  fc
    .tuple(payer, amount)
    .map(([who, of]): Step => [who, 'withdraw', { amount: of, currency: 'CNY' }, undefined]),
  fc
    .tuple(payer, payer, amount)
    .map(([from, payee, of]): Step => [
      from,
      'transfer',
      { legs: [{ payer: from, payee, amount: of, currency: 'CNY' }] },
      undefined,
    ]),
  payer.map((who): Step => [
    who,
    'pay',
    { payee: 7, amount: 5, currency: 'CNY', manual: false, memo: '' },
    undefined,
  ]),
)
const steps = fc.array(fc.oneof({ weight: 8, arbitrary: pay }, { weight: 3, arbitrary: other }), {
  minLength: 20,
  maxLength: 60,
})

interface Outcome {
  readonly frames: unknown[]
  readonly answers: (TestAnswer | undefined)[]
  readonly states: unknown[]
}

/** Runs steps, so many at once: those of one batch share their frames. */
async function run(direct: boolean, list: readonly Step[], atOnce: number): Promise<Outcome> {
  const shards = new ShardsInMemory(withDirect(direct), { shards: 4 })
  for (const address of all) {
    await shards.command(address, 'open', { currency: currencyOf(address), creditLimit: 0 })
    await shards.command(address, 'deposit', { amount: 20_000, currency: currencyOf(address) })
  }
  const ids: number[] = []
  for (let at = 0; at < list.length; at += atOnce) {
    for (const [address, command, input, key] of list.slice(at, at + atOnce))
      ids.push(shards.submit('command', address, command, input, key))
    await shards.settle()
  }
  return {
    frames: shards.frames,
    answers: ids.map((id) => shards.answerOf(id)),
    states: shards.states.map((state) =>
      [...snapshotBlocks(state)].map((block) => Buffer.from(block)),
    ),
  }
}

describe('a payment done directly', () => {
  it('DC1: leaves the same bytes as the command, in any company', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 20 }), async (list, atOnce) => {
        expect(await run(true, list, atOnce)).toEqual(await run(false, list, atOnce))
      }),
      { numRuns: 40 },
    )
    expect(planned).toBeGreaterThan(50)
  })

  it('X3: is none while something sent to its payee before still waits there', async () => {
    const shards = new ShardsInMemory(withDirect(true), { shards: 4 })
    const [from, payee] = [accounts[0]!, shops[0]!]
    for (const address of [from, payee]) {
      await shards.command(address, 'open', { currency: 'CNY', creditLimit: 0 })
      await shards.command(address, 'deposit', { amount: 1_000, currency: 'CNY' })
    }
    const input = { payee, amount: 10, currency: 'CNY', manual: false, expiresInMs: 0, memo: '' }
    const before = planned
    await shards.command(from, 'pay', input)
    expect(planned).toBe(before + 1)
    // As if its last message were on its way.
    const shardOf = (address: Address): number => shards.states[0]!.kinds.shardOf(address, 4)
    const { cursors } = shards.states[shardOf(payee)]!
    cursors[shardOf(from)] = cursors[shardOf(from)]! - 1
    await shards.command(from, 'pay', input)
    expect(planned).toBe(before + 1)
  })
  it.each(['history', 'view', 'again'])(
    'X7: is done when its account is asked for what it left: %s',
    async (asked) => {
      const outcomes = []
      for (const direct of [true, false]) {
        const shards = new ShardsInMemory(withDirect(direct), { shards: 4 })
        const [from, payee] = [accounts[0]!, shops[0]!]
        for (const address of [from, payee]) {
          await shards.command(address, 'open', { currency: 'CNY', creditLimit: 0 })
          await shards.command(address, 'deposit', { amount: 1_000, currency: 'CNY' })
        }
        const input = {
          payee,
          amount: 10,
          currency: 'CNY',
          manual: false,
          expiresInMs: 0,
          memo: '',
        }
        const before = planned
        const ids = ['a', 'b'].map((key) => shards.submit('command', from, 'pay', input, key))
        ids.push(
          asked === 'again'
            ? shards.submit('command', from, 'pay', input, 'a')
            : shards.submit('query', from, asked, { limit: 5 }),
        )
        await shards.settle()
        if (direct) expect(planned).toBe(before + 2)
        outcomes.push(ids.map((id) => shards.answerOf(id)))
      }
      expect(outcomes[0]).toEqual(outcomes[1])
    },
  )
})
