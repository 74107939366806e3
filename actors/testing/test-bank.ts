/**
 * A bank on {@link TestShards} for tests in domain words: accounts where the test wants them, every
 * rule of money checked after every turn.
 */
import { isRefusal, kindOf, type Address } from '../../runtime/index.js'
import type { AccountState } from '../account/account-state.js'
import { availableOf } from '../account/account-state.js'
import { shardFindings } from '../ledger/audit.js'
import { actors } from '../module.js'
import type { PaymentState } from '../payment/payment-state.js'
import { TestShards, type Ask, type TestShardsOptions } from './test-shards.js'

export type TestBankOptions = Partial<Omit<TestShardsOptions, 'actors'>>

export class TestBank {
  readonly shards: TestShards
  private nextKey = 1

  constructor(options: TestBankOptions = {}) {
    this.shards = new TestShards({ shards: 3, ...options, actors })
    this.shards.onTurn = () => this.checkRules()
  }

  /** An address of this kind in this shard. */
  addressIn(shard: number, kind: 'account' | 'merchant', name: string): Address {
    for (let i = 0; ; i++) {
      const address = `${kind}/${name}${i === 0 ? '' : i}`
      if (this.shards.shardOf(address) === shard) return address
    }
  }

  /** Opens an account in a shard, with money in it. */
  open(shard: number, name: string, amount = 0, currency = 'CNY', creditLimit = 0): Address {
    return this.openAs('account', shard, name, amount, currency, creditLimit)
  }

  openMerchant(shard: number, name: string, amount = 0, currency = 'CNY'): Address {
    return this.openAs('merchant', shard, name, amount, currency, 0)
  }

  /** A command with a key of its own, everything delivered. @returns answer, or a refusal's code */
  do(address: Address, command: string, input: unknown = null): unknown {
    const ask = this.start(address, command, input)
    this.shards.settle()
    return answerOf(ask)
  }

  /** A command with a key; nothing is delivered. */
  start(address: Address, command: string, input: unknown = null, key?: string): Ask {
    return this.shards.ask(address, command, input, key ?? `key-${this.nextKey++}`)
  }

  pay(payer: Address, payee: Address, amount: number, more: object = {}): unknown {
    return this.do(payer, 'pay', payOf(payee, amount, more))
  }

  /** Debits pending and posted, credits pending and posted. */
  counters(address: Address): number[] {
    const s = this.shards.state<AccountState>(address)
    return [s.debitsPending, s.debitsPosted, s.creditsPending, s.creditsPosted]
  }

  available(address: Address): number {
    return availableOf(this.shards.state<AccountState>(address))
  }

  payment(id: string): unknown {
    return codeOf(this.shards.query(`payment/${id}`, 'view'))
  }

  /** All that the ledgers find wrong once everything is delivered and compared. */
  findings(): string[] {
    this.shards.settle()
    this.shards.compare()
    const found = this.shards.shards.map(({ number, tally }) =>
      shardFindings({ shard: number, tally }),
    )
    return [...this.shards.disagreements, ...found.flat()]
  }

  private openAs(
    kind: 'account' | 'merchant',
    shard: number,
    name: string,
    amount: number,
    currency: string,
    creditLimit: number,
  ): Address {
    const address = this.addressIn(shard, kind, name)
    this.do(address, 'open', { currency, creditLimit })
    if (amount > 0) this.do(address, 'deposit', { amount, currency })
    return address
  }

  /** What must hold at every moment, in the middle of everything. */
  private checkRules(): void {
    for (const kind of ['account', 'merchant']) {
      for (const [address, state] of this.shards.statesOf<AccountState>(kind)) {
        const counters = this.counters(address)
        const { debitsPending, debitsPosted, creditsPending, creditsPosted } = state
        const sums = [debitsPending + debitsPosted, creditsPending + creditsPosted]
        if ([...counters, ...sums].some((sum) => !Number.isSafeInteger(sum) || sum < 0)) {
          throw new Error(`${address} has counters ${counters.join(', ')}`)
        }
        if (availableOf(state) < 0) throw new Error(`${address} is overdrawn`)
        if (state.spentOnDay < 0) throw new Error(`${address} spent less than nothing`)
      }
    }
    for (const [address, state] of this.shards.statesOf<PaymentState>('payment')) {
      const { refunded, captured, amount } = state
      if (!(refunded >= 0 && refunded <= captured && captured <= amount)) {
        throw new Error(`${address}: refunded ${refunded}, captured ${captured} of ${amount}`)
      }
    }
  }
}

export function payOf(payee: Address, amount: number, more: object = {}): object {
  return {
    payee,
    amount,
    currency: 'CNY',
    manual: false,
    expiresInMs: 0,
    memo: '',
    ...more,
  }
}

export const manual = { manual: true, expiresInMs: 1_000_000 }

/** The answer, the code of a refusal, or 'waits'. */
export function answerOf(ask: Ask): unknown {
  return ask.answer === undefined ? 'waits' : codeOf(ask.answer.value)
}

function codeOf(value: unknown): unknown {
  if (isRefusal(value)) return value.refused
  return typeof value === 'object' && value !== null && 'parkedOn' in value ? 'waits' : value
}

/** Sum of the CNY everywhere, from states alone. */
export function moneyIn(bank: TestBank): number {
  return bank.shards.shards.reduce((sum, { actors: all }) => {
    for (const [address, { state }] of all) {
      if (!['account', 'merchant'].includes(kindOf(address))) continue
      const { creditsPosted, debitsPosted } = state as AccountState
      sum += creditsPosted - debitsPosted
    }
    return sum
  }, 0)
}
