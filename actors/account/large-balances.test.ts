/**
 * Accounts near the largest amount: what they take depends on what is in them, not on all that ever went
 * through them.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Address } from '../../runtime/index.js'
import type { PaymentView } from '../bank.js'
import { amountMax } from '../money/minor-units.js'
import { manual, TestBank } from '../testing/test-bank.js'
import { creditFits, foldAmount } from './account-rules.js'
import { unopened, type AccountState } from './account-state.js'

const large = fc.oneof(
  fc.integer({ min: 1, max: 5 }),
  fc.integer({ min: 2 ** 40 - 2, max: 2 ** 40 + 2 }),
  fc.integer({ min: 2 ** 51, max: amountMax }),
  fc.integer({ min: amountMax - 5, max: amountMax }),
)
const step = fc.record({
  what: fc.constantFrom('deposit', 'withdraw', 'pay', 'hold', 'transfer', 'refund'),
  from: fc.nat(2),
  to: fc.nat(2),
  amount: large,
})

/** What comes in fits: beside what is there and on its way, and with the credit limit on top. */
function fitsIn(state: AccountState, amount: number): boolean {
  const balance = BigInt(state.creditsPosted) - BigInt(state.debitsPosted)
  const after = balance + BigInt(state.creditsPending) + BigInt(amount)
  const owesNothing = balance > 0n ? after : BigInt(state.creditsPending) + BigInt(amount)
  return after + BigInt(state.creditLimit) <= amountMax && owesNothing <= amountMax
}

/** A payer and a payee, of one shard or of two, with what may go between them. */
class Flow {
  readonly bank = new TestBank()
  readonly accounts: readonly Address[]
  readonly payments: [id: string, payer: Address, amount: number][] = []

  constructor(creditLimit: number) {
    const { bank } = this
    const alice = bank.open(0, 'alice', 0, 'CNY', creditLimit)
    this.accounts = [alice, bank.open(1, 'bob'), bank.openMerchant(0, 'shop')]
  }

  state(address: Address): AccountState {
    return this.bank.shards.state<AccountState>(address)
  }

  /** Money comes in: it does when it fits. */
  deposit(to: Address, amount: number): void {
    const may = fitsIn(this.state(to), amount)
    const answer = this.bank.do(to, 'deposit', { amount, currency: 'CNY' })
    expect(answer).toEqual(may ? expect.objectContaining({ amount }) : 'limit_exceeded')
  }

  /** Money goes out: it does when it is there. */
  withdraw(from: Address, amount: number): void {
    const may = this.bank.available(from) >= amount
    const answer = this.bank.do(from, 'withdraw', { amount, currency: 'CNY' })
    expect([typeof answer, answer]).toEqual([may ? 'object' : 'string', answer])
  }

  /** From one account to another: it goes when it is there, and fits over there. */
  move(from: Address, to: Address, amount: number, how: 'pay' | 'hold' | 'transfer'): void {
    if (from === to) return
    const may = this.bank.available(from) >= amount && fitsIn(this.state(to), amount)
    if (how === 'hold') return void this.bank.pay(from, to, amount, manual)
    const legs = [{ payer: from, payee: to, amount, currency: 'CNY' }]
    const answer =
      how === 'pay' ? this.bank.pay(from, to, amount) : this.bank.do(from, 'transfer', { legs })
    const settled = typeof answer === 'object' && (answer as PaymentView).status === 'settled'
    expect([settled, answer]).toEqual([may, answer])
    if (settled && how === 'pay') this.payments.push([(answer as PaymentView).id, from, amount])
  }

  /** The newest payment goes back: it does when the payee has it, and it fits over here. */
  refund(): void {
    const [id, payer, amount] = this.payments.pop() ?? ['']
    if (id === '') return
    const may = fitsIn(this.state(payer!), amount!)
    const answer = this.bank.do(`payment/${id}`, 'refund', {})
    if (may) expect(answer).not.toBe('limit_exceeded')
    else expect(answer).toBe('limit_exceeded')
  }
}

describe('large balances', () => {
  it('an account takes what fits beside its balance, whatever went through it', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0, 7, amountMax - 3, amountMax),
        fc.array(step, { maxLength: 25 }),
        (creditLimit, steps) => {
          const flow = new Flow(creditLimit)
          for (const { what, from, to, amount } of steps) {
            const [payer, payee] = [flow.accounts[from]!, flow.accounts[to]!]
            if (what === 'deposit') flow.deposit(payee, amount)
            else if (what === 'withdraw') flow.withdraw(payer, amount)
            else if (what === 'refund') flow.refund()
            else flow.move(payer, payee, amount, what)
          }
          expect(flow.bank.findings()).toEqual([])
          for (const account of flow.accounts) {
            expect(flow.bank.shards.query(account, 'recount', { entries: 1_000 })).toBe('')
          }
        },
      ),
      { numRuns: 150 },
    )
  })

  it('S2: what is accepted fits the counters once they are folded', () => {
    const counter = fc.oneof(large, fc.constant(0))
    const counters = fc.tuple(counter, counter, counter, counter, counter, large)
    fc.assert(
      fc.property(counters, ([credits, debits, pending, held, creditLimit, amount]) => {
        const state = {
          ...unopened,
          ...{ creditsPosted: credits, debitsPosted: debits, creditLimit },
          ...{ creditsPending: pending, debitsPending: held },
        }
        expect(creditFits(state, amount)).toBe(fitsIn(state, amount))
        const by = foldAmount(state, amount)
        expect(by).toBeLessThanOrEqual(Math.min(credits, debits))
        if (!creditFits(state, amount)) return
        expect(credits - by + pending).toBeLessThanOrEqual(amountMax - amount)
      }),
      { numRuns: 5_000 },
    )
  })

  it('an empty account takes its own payment back, all of it, in one shard and over two', () => {
    for (const shard of [0, 1]) {
      const bank = new TestBank()
      const big = 8e15
      const alice = bank.open(0, 'alice', big)
      const shop = bank.openMerchant(shard, 'shop')
      const { id } = bank.pay(alice, shop, big) as PaymentView
      expect(bank.do(`payment/${id}`, 'refund', {})).toMatchObject({ refunded: big })
      expect([bank.available(alice), bank.available(shop)]).toEqual([big, 0])
      expect(bank.do(alice, 'withdraw', { amount: big, currency: 'CNY' })).toMatchObject({})
      expect(bank.do(alice, 'deposit', { amount: 2e15, currency: 'CNY' })).toMatchObject({
        amount: 2e15,
      })
      expect(bank.findings()).toEqual([])
    }
  })

  it('S2: what is held or reserved fits beside what was posted', () => {
    const big = 8e15
    const cash = { amount: big, currency: 'CNY' }
    for (const how of ['hold', 'pay', 'transfer'] as const) {
      const bank = new TestBank()
      const alice = bank.open(0, 'alice', 0, 'CNY', amountMax)
      const bob = bank.open(1, 'bob', big)
      bank.do(alice, 'withdraw', cash)
      bank.do(alice, 'deposit', cash)
      bank.do(bob, 'withdraw', cash)
      const legs = [{ payer: alice, payee: bob, amount: big, currency: 'CNY' }]
      const answer =
        how === 'transfer'
          ? bank.do(alice, 'transfer', { legs })
          : bank.pay(alice, bob, big, how === 'hold' ? manual : {})
      expect(answer).toMatchObject({ status: how === 'hold' ? 'held' : 'settled' })
      expect(bank.available(bob)).toBe(how === 'hold' ? 0 : big)
      expect(bank.findings()).toEqual([])
    }
  })
})
