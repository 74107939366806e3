/**
 * Everything at once, in any order: whatever is asked, money is conserved in every step, nobody is
 * overdrawn, nothing hangs, and each key gives its first answer for ever. The rules of single steps
 * are checked by `TestBank` after every turn.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Address } from '../runtime/index.js'
import type { Ask } from './testing/test-shards.js'
import { answerOf, manual, moneyIn, payOf, TestBank } from './testing/test-bank.js'

/** One thing somebody does. Numbers choose among what is there. */
type Action =
  | readonly ['pay', from: number, to: number, amount: number, manual: boolean]
  | readonly ['capture', payment: number, amount: number | undefined, final: boolean]
  | readonly ['void', payment: number]
  | readonly ['refund', payment: number, amount: number | undefined]
  | readonly ['transfer', legs: readonly (readonly [number, number, number])[]]
  | readonly ['withdraw' | 'deposit', account: number, amount: number]
  | readonly ['freeze' | 'unfreeze' | 'close', account: number]
  | readonly ['limit', account: number, perDay: number]
  | readonly ['deliver', messages: number]
  | readonly ['wait', ms: number]
  | readonly ['again', request: number]

const who = fc.nat(7)
const amount = fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 500 }))
const some = fc.option(amount, { nil: undefined })
const what = fc.nat(30)

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constant('pay' as const), who, who, amount, fc.boolean()) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('capture' as const), what, some, fc.boolean()) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('void' as const), what) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('refund' as const), what, some) },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.constant('transfer' as const),
      fc.array(fc.tuple(who, who, amount), { minLength: 1, maxLength: 4 }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom('withdraw' as const, 'deposit' as const), who, amount),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom('freeze' as const, 'unfreeze' as const, 'close' as const),
      who,
    ),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant('limit' as const), who, fc.nat(300)) },
  { weight: 6, arbitrary: fc.tuple(fc.constant('deliver' as const), fc.nat(8)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('wait' as const), fc.nat(2_000_000)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('again' as const), what) },
)

class Play {
  readonly bank: TestBank
  readonly accounts: Address[]
  readonly asks: Ask[] = []
  private next = 0

  constructor(choices: readonly number[]) {
    let i = 0
    this.bank = new TestBank({
      random: () => (choices[i++ % Math.max(1, choices.length)] ?? 0) / 1000,
    })
    this.accounts = [0, 1, 2, 0, 1, 2].map((shard, n) =>
      this.bank.open(shard, `a${n}-`, 300, 'CNY', n === 0 ? 100 : 0),
    )
    this.accounts.push(this.bank.openMerchant(0, 'm'), this.bank.openMerchant(1, 'n'))
  }

  act(step: Action): void {
    const { bank } = this
    switch (step[0]) {
      case 'pay':
        this.ask(this.at(step[1]), 'pay', payOf(this.at(step[2]), step[3], step[4] ? manual : {}))
        return
      case 'capture': {
        const amountAsked = step[2] === undefined ? {} : { amount: step[2] }
        this.ask(this.payment(step[1]), 'capture', { ...amountAsked, final: step[3] })
        return
      }
      case 'void':
        this.ask(this.payment(step[1]), 'void', null)
        return
      case 'refund':
        this.ask(this.payment(step[1]), 'refund', step[2] === undefined ? {} : { amount: step[2] })
        return
      case 'transfer': {
        const legs = step[1].map(([from, to, value]) => ({
          payer: this.at(from),
          payee: this.at(to),
          amount: value,
          currency: 'CNY',
        }))
        this.ask(legs[0]?.payer ?? '', 'transfer', { legs })
        return
      }
      case 'withdraw':
      case 'deposit':
        this.ask(this.at(step[1]), step[0], { amount: step[2], currency: 'CNY' })
        return
      case 'freeze':
      case 'unfreeze':
      case 'close':
        bank.shards.ask(this.at(step[1]), step[0], null)
        return
      case 'limit':
        bank.shards.ask(this.at(step[1]), 'setLimits', { perPayment: 0, perDay: step[2] })
        return
      case 'deliver':
        for (let i = 0; i < step[1]; i++) bank.shards.deliver()
        return
      case 'wait':
        bank.shards.advance(step[1])
        return
      case 'again': {
        const old = this.asks[step[1] % Math.max(1, this.asks.length)]
        if (old !== undefined)
          this.asks.push(bank.start(old.address, old.command, old.input, old.key))
      }
    }
  }

  private ask(address: Address, command: string, input: unknown): void {
    this.asks.push(this.bank.start(address, command, input, `key-of-play-${this.next++}`))
  }

  private at(index: number): Address {
    return this.accounts[index] ?? ''
  }

  private payment(index: number): Address {
    const all = this.bank.shards.statesOf('payment')
    return all[index % Math.max(1, all.length)]?.[0] ?? 'payment/p0-1'
  }
}

describe('whatever is asked, in any order', () => {
  it('money is conserved, every request ends, and every key keeps its first answer', () => {
    fc.assert(
      fc.property(
        fc.array(action, { minLength: 1, maxLength: 60 }),
        fc.array(fc.nat(999), { minLength: 1, maxLength: 20 }),
        (steps, choices) => {
          const play = new Play(choices)
          const { bank } = play
          for (const step of steps) play.act(step)
          bank.shards.settle()
          bank.shards.advance(400 * 86_400_000)
          bank.shards.settle()

          expect(bank.findings()).toEqual([])
          const firsts = play.asks.map((ask) => JSON.stringify(ask.answer))
          expect(firsts).not.toContain(undefined)
          // Every hold and every expectation has ended.
          for (const account of play.accounts) {
            const [debitsPending, , creditsPending] = bank.counters(account)
            expect([debitsPending, creditsPending]).toEqual([0, 0])
            expect(bank.shards.query(account, 'recount', { entries: 1_000 })).toBe('')
          }
          expect(moneyIn(bank)).toBe(1_800 + cashOf(play))
          play.asks.forEach((ask, i) => {
            const answer = answerOf(ask)
            if (answer === 'payee_not_found' || answer === 'not_found') return
            const again = bank.start(ask.address, ask.command, ask.input, ask.key)
            bank.shards.settle()
            if (answer === 'invalid_request') return
            expect(JSON.stringify(again.answer)).toBe(firsts[i])
          })
        },
      ),
      { numRuns: 400 },
    )
  })
})

/** Money that came in less what went out, by the answers given. */
function cashOf(play: Play): number {
  let sum = 0
  for (const ask of play.asks) {
    const value = ask.answer?.value as { id?: string; amount?: number } | undefined
    if (ask.replayed || value?.id === undefined || value.amount === undefined) continue
    if (ask.command === 'deposit') sum += value.amount
    if (ask.command === 'withdraw') sum -= value.amount
  }
  return sum
}
