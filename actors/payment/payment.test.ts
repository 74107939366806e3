/**
 * The life of payments as tables: given accounts, when commands, then statuses and counters. Every
 * story runs with payer and payee in one shard and in two.
 */
import { describe, expect, it } from 'vitest'
import { refusal, type Address } from '../../runtime/index.js'
import type { PaymentView } from '../bank.js'
import { stepsMax } from './payment-state.js'
import { answerOf, manual, payOf, TestBank } from '../testing/test-bank.js'

type Step = readonly [
  command:
    'capture' | 'void' | 'refund' | 'expire' | 'freeze payee' | 'close payee' | 'empty payee',
  input: object | null,
  then: object | string,
]

interface Story {
  readonly name: string
  readonly pay?: object
  readonly steps: readonly Step[]
  /** Available of payer (from 1,000) and payee (from 0) at the end, and the payer's hold. */
  readonly end: readonly [payer: number, payee: number, held: number]
}

const stories: readonly Story[] = [
  {
    name: 'automatic, settled, refunded in parts',
    steps: [
      ['refund', { amount: 30 }, { status: 'partially_refunded', captured: 100, refunded: 30 }],
      ['refund', { amount: 71 }, 'amount_exceeds_refundable'],
      ['refund', {}, { status: 'refunded', refunded: 100 }],
      ['refund', {}, 'amount_exceeds_refundable'],
      ['capture', {}, 'payment_already_captured'],
      ['void', null, 'payment_already_captured'],
    ],
    end: [1000, 0, 0],
  },
  {
    name: 'manual, captured whole',
    pay: manual,
    steps: [
      ['capture', {}, { status: 'settled', captured: 100 }],
      ['capture', {}, 'payment_already_captured'],
      ['expire', null, { status: 'settled' }],
    ],
    end: [900, 100, 0],
  },
  {
    name: 'manual, captured in parts, the last one by itself final',
    pay: manual,
    steps: [
      ['capture', { amount: 40 }, { status: 'held', captured: 40 }],
      ['capture', { amount: 61 }, 'amount_exceeds_capturable'],
      ['capture', { amount: 60 }, { status: 'settled', captured: 100 }],
    ],
    end: [900, 100, 0],
  },
  {
    name: 'manual, final capture releases the rest',
    pay: manual,
    steps: [
      ['capture', { amount: 40, final: true }, { status: 'settled', captured: 40 }],
      ['void', null, 'payment_already_captured'],
      ['refund', {}, { status: 'refunded', refunded: 40 }],
    ],
    end: [1000, 0, 0],
  },
  {
    name: 'manual, voided',
    pay: manual,
    steps: [
      ['void', null, { status: 'voided', captured: 0 }],
      ['void', null, 'payment_already_voided'],
      ['capture', {}, 'payment_already_voided'],
      ['refund', {}, 'payment_already_voided'],
      ['expire', null, { status: 'voided' }],
    ],
    end: [1000, 0, 0],
  },
  {
    name: 'manual, voided after a partial capture',
    pay: manual,
    steps: [
      ['capture', { amount: 10 }, { status: 'held', captured: 10 }],
      ['refund', { amount: 4 }, { status: 'held', captured: 10, refunded: 4 }],
      ['void', null, { status: 'partially_refunded', captured: 10, refunded: 4 }],
      ['refund', {}, { status: 'refunded', refunded: 10 }],
    ],
    end: [1000, 0, 0],
  },
  {
    name: 'manual, expired',
    pay: manual,
    steps: [
      ['refund', {}, 'amount_exceeds_refundable'],
      ['expire', null, { status: 'expired' }],
      ['capture', {}, 'payment_already_expired'],
      ['void', null, 'payment_already_expired'],
      ['refund', {}, 'payment_already_expired'],
    ],
    end: [1000, 0, 0],
  },
  {
    name: 'manual, expired after a partial capture',
    pay: manual,
    steps: [
      ['capture', { amount: 10 }, { status: 'held' }],
      ['expire', null, { status: 'settled', captured: 10 }],
      ['capture', {}, 'payment_already_captured'],
    ],
    end: [990, 10, 0],
  },
  {
    name: 'a payee that freezes refuses captures and refunds; the hold stays',
    pay: manual,
    steps: [
      ['capture', { amount: 10 }, { status: 'held' }],
      ['freeze payee', null, { status: 'frozen' }],
      ['capture', {}, 'account_frozen'],
      ['refund', {}, 'account_frozen'],
    ],
    end: [900, 10, 90],
  },
  {
    name: 'a payee without money refuses the refund',
    steps: [
      ['empty payee', { amount: 60, currency: 'CNY' }, { amount: 60 }],
      ['refund', {}, 'insufficient_funds'],
      ['refund', { amount: 40 }, { status: 'partially_refunded', refunded: 40 }],
    ],
    end: [940, 0, 0],
  },
  {
    name: 'a payee that closes refuses the capture',
    pay: manual,
    steps: [
      ['close payee', null, { status: 'closed' }],
      ['capture', {}, 'account_closed'],
      ['void', null, { status: 'voided' }],
    ],
    end: [1000, 0, 0],
  },
]

for (const [where, payeeShard] of [
  ['in one shard', 0],
  ['in two shards', 1],
] as const) {
  describe(`payments ${where}`, () => {
    for (const story of stories) {
      it(story.name, () => {
        const bank = new TestBank()
        const payer = bank.open(0, 'payer', 1000)
        const payee = bank.openMerchant(payeeShard, 'payee')
        const opened = bank.pay(payer, payee, 100, story.pay) as PaymentView
        expect(opened.status).toBe(story.pay === undefined ? 'settled' : 'held')
        const answers: unknown[] = []
        for (const [command, input, then] of story.steps) {
          const answer = step(bank, payee, opened.id, command, input)
          answers.push(answer)
          if (typeof then === 'string') expect(answer, command).toBe(then)
          else expect(answer, command).toMatchObject(then)
        }
        expect(bank.available(payer)).toBe(story.end[0])
        expect(bank.available(payee)).toBe(story.end[1])
        expect(bank.counters(payer)[0]).toBe(story.end[2])
        expect(bank.counters(payer)[2]).toBe(0)
        expect(bank.findings()).toEqual([])
      })
    }

    it('fails when the payee can not take it, with the payee’s code, and gives the hold back', () => {
      for (const [prepare, code] of [
        [(bank: TestBank, payee: Address) => bank.do(payee, 'freeze'), 'account_frozen'],
        [(bank: TestBank, payee: Address) => bank.do(payee, 'close'), 'account_closed'],
      ] as const) {
        const bank = new TestBank()
        const payer = bank.open(0, 'payer', 1000)
        bank.do(payer, 'setLimits', { perPayment: 0, perDay: 100 })
        const payee = bank.openMerchant(payeeShard, 'payee')
        prepare(bank, payee)
        const ask = bank.start(payer, 'pay', payOf(payee, 100), 'same')
        bank.shards.settle()
        expect(answerOf(ask)).toBe(code)
        expect(bank.available(payer)).toBe(1000)
        // The limit came back, the refusal stays with its key.
        const other = bank.openMerchant(payeeShard, 'other')
        expect(bank.pay(payer, other, 100)).toMatchObject({ status: 'settled' })
        expect(answerOf(bank.start(payer, 'pay', payOf(payee, 100), 'same'))).toBe(code)
      }
    })

    it('refuses a payee of another currency and one that does not exist', () => {
      const bank = new TestBank()
      const payer = bank.open(0, 'payer', 1000)
      const dollars = bank.openMerchant(payeeShard, 'dollars', 0, 'USD')
      expect(bank.pay(payer, dollars, 1)).toBe('currency_mismatch')
      const nobody = bank.addressIn(payeeShard, 'merchant', 'nobody')
      const first = bank.start(payer, 'pay', payOf(nobody, 1), 'k')
      bank.shards.settle()
      expect(answerOf(first)).toBe('payee_not_found')
      bank.openMerchant(payeeShard, 'nobody')
      const second = bank.start(payer, 'pay', payOf(nobody, 1), 'k')
      bank.shards.settle()
      expect(answerOf(second)).toMatchObject({ status: 'settled' })
      expect(bank.available(payer)).toBe(999)
    })

    it('answers each key as it did first, whatever came later', () => {
      const bank = new TestBank()
      const payer = bank.open(0, 'payer', 1000)
      const payee = bank.openMerchant(payeeShard, 'payee')
      const asks: [Address, string, object | null, string][] = [
        [payer, 'pay', payOf(payee, 100, manual), 'a'],
      ]
      const firsts = [run(bank, asks[0])]
      const address = `payment/${(firsts[0] as PaymentView).id}`
      asks.push(
        [address, 'capture', { amount: 30 }, 'b'],
        [address, 'refund', { amount: 10 }, 'c'],
        [address, 'capture', { amount: 100 }, 'd'],
        [address, 'void', null, 'e'],
        [address, 'void', null, 'f'],
        [address, 'refund', {}, 'g'],
        [address, 'refund', {}, 'h'],
      )
      for (const ask of asks.slice(1)) firsts.push(run(bank, ask))
      expect(
        firsts.map((answer) =>
          typeof answer === 'string' ? answer : (answer as PaymentView).status,
        ),
      ).toEqual([
        'held',
        'held',
        'held',
        'amount_exceeds_capturable',
        'partially_refunded',
        'payment_already_captured',
        'refunded',
        'amount_exceeds_refundable',
      ])
      bank.do(payee, 'freeze')
      expect(asks.map((ask) => JSON.stringify(run(bank, ask)))).toEqual(
        firsts.map((answer) => JSON.stringify(answer)),
      )
    })
  })
}

describe('steps that meet a step in flight', () => {
  it('wait for it: captures, voids, refunds, reads and equal keys', () => {
    const bank = new TestBank()
    const payer = bank.open(0, 'payer', 1000)
    const payee = bank.openMerchant(1, 'payee')
    const { id } = bank.pay(payer, payee, 100, manual) as PaymentView
    const address = `payment/${id}`
    const capture = bank.start(address, 'capture', { amount: 60 }, 'first')
    const again = bank.start(address, 'capture', { amount: 60 }, 'first')
    const second = bank.start(address, 'capture', { amount: 60 })
    const refund = bank.start(address, 'refund', { amount: 1 })
    const voided = bank.start(address, 'void')
    expect([capture, again, second, refund, voided].map(answerOf)).toEqual(Array(5).fill('waits'))
    expect(bank.payment(id)).toBe('waits')
    expect(bank.counters(payer)).toEqual([100, 0, 0, 1000])
    bank.shards.settle()
    expect(answerOf(capture)).toMatchObject({ status: 'held', captured: 60 })
    expect(answerOf(again)).toEqual(answerOf(capture))
    expect(again.replayed).toBe(true)
    expect(answerOf(second)).toBe('amount_exceeds_capturable')
    expect(answerOf(refund)).toMatchObject({ refunded: 1 })
    expect(answerOf(voided)).toMatchObject({ captured: 60 })
    expect(bank.payment(id)).toMatchObject({ status: 'partially_refunded' })
  })

  it('a hold does not expire while a capture is in flight, but after it', () => {
    for (const refuse of [false, true]) {
      const bank = new TestBank()
      const payer = bank.open(0, 'payer', 1000)
      const payee = bank.openMerchant(1, 'payee')
      const { id } = bank.pay(payer, payee, 100, manual) as PaymentView
      const capture = bank.start(`payment/${id}`, 'capture', { amount: 60 })
      bank.shards.advance(manual.expiresInMs + 1)
      expect(bank.counters(payer)).toEqual([100, 0, 0, 1000])
      if (refuse) bank.shards.failing = () => refusal('actor_failed', '', false)
      bank.shards.settle()
      expect(answerOf(capture)).toEqual(
        refuse ? 'actor_failed' : expect.objectContaining({ captured: 60 }),
      )
      expect(bank.payment(id)).toMatchObject(
        refuse ? { status: 'expired', captured: 0 } : { status: 'settled', captured: 60 },
      )
      expect(bank.available(payer)).toBe(refuse ? 1000 : 940)
    }
  })

  it('an automatic payment whose payee fails is failed, and its code sticks unless it may pass', () => {
    for (const [code, sticks] of [
      ['actor_failed', true],
      ['quarantined', false],
    ] as const) {
      const bank = new TestBank()
      const payer = bank.open(0, 'payer', 1000)
      const payee = bank.openMerchant(1, 'payee')
      bank.shards.failing = () => refusal(code, '', false)
      const ask = bank.start(payer, 'pay', payOf(payee, 100), 'k')
      bank.shards.settle()
      expect(answerOf(ask)).toBe(code)
      expect(bank.available(payer)).toBe(1000)
      const [[address] = ['']] = bank.shards.statesOf('payment')
      const id = address.slice('payment/'.length)
      expect(bank.payment(id)).toMatchObject({ status: 'failed', failure: code, captured: 0 })
      expect(bank.do(address, 'capture', {})).toBe('payment_already_failed')
      expect(bank.do(address, 'refund', {})).toBe('payment_already_failed')
      bank.shards.failing = () => undefined
      const again = bank.start(payer, 'pay', payOf(payee, 100), 'k')
      bank.shards.settle()
      expect(answerOf(again)).toEqual(
        sticks ? code : expect.objectContaining({ status: 'settled' }),
      )
    }
  })

  it('the payer can not close while a refund is on its way, nor be refunded once closed', () => {
    const bank = new TestBank()
    const payer = bank.open(0, 'payer', 100)
    const payee = bank.openMerchant(1, 'payee')
    const { id } = bank.pay(payer, payee, 100) as PaymentView
    const refund = bank.start(`payment/${id}`, 'refund', { amount: 50 })
    expect(bank.counters(payer)).toEqual([0, 100, 50, 100])
    expect(answerOf(bank.start(payer, 'close'))).toBe('account_not_empty')
    bank.do(payer, 'freeze')
    bank.shards.settle()
    expect(answerOf(refund)).toMatchObject({ status: 'partially_refunded' })
    expect(bank.counters(payer)).toEqual([0, 100, 0, 150])
    bank.do(payer, 'unfreeze')
    bank.do(payer, 'withdraw', { amount: 50, currency: 'CNY' })
    expect(bank.do(payer, 'close')).toMatchObject({ status: 'closed' })
    expect(bank.do(`payment/${id}`, 'refund', {})).toBe('account_closed')
  })

  it('a payment takes a bounded number of steps, and can be voided even then', () => {
    const bank = new TestBank()
    const payer = bank.open(0, 'payer', 1000)
    const payee = bank.openMerchant(1, 'payee')
    const { id } = bank.pay(payer, payee, 1000, manual) as PaymentView
    for (let i = 0; i < stepsMax; i++) bank.do(`payment/${id}`, 'capture', { amount: 1 })
    expect(bank.do(`payment/${id}`, 'capture', { amount: 1 })).toBe('limit_exceeded')
    expect(bank.do(`payment/${id}`, 'refund', {})).toBe('limit_exceeded')
    expect(bank.do(`payment/${id}`, 'void')).toMatchObject({ captured: stepsMax })
    expect(bank.counters(payer)).toEqual([0, stepsMax, 0, 1000])
  })

  it('what is no payment is not found, whatever its id looks like', () => {
    const bank = new TestBank()
    for (const id of ['p0-1', 'pzz-9', 'p-', '', '%', 'x'.repeat(200)]) {
      for (const [command, input] of [
        ['capture', {}],
        ['void', null],
        ['refund', {}],
      ] as const) {
        expect(bank.do(`payment/${id}`, command, input)).toBe('not_found')
      }
      expect(bank.payment(id)).toBe('not_found')
    }
    expect(bank.shards.statesOf('payment')).toEqual([])
  })
})

function run(
  bank: TestBank,
  ask: readonly [Address, string, object | null, string] | undefined,
): unknown {
  if (ask === undefined) throw new Error('no such request')
  const started = bank.start(...ask)
  bank.shards.settle()
  return answerOf(started)
}

function step(
  bank: TestBank,
  payee: Address,
  id: string,
  command: Step[0],
  input: object | null,
): unknown {
  switch (command) {
    case 'expire':
      bank.shards.advance(manual.expiresInMs + 1)
      bank.shards.settle()
      return bank.payment(id)
    case 'freeze payee':
      return bank.do(payee, 'freeze')
    case 'close payee':
      return bank.do(payee, 'close')
    case 'empty payee':
      return bank.do(payee, 'withdraw', input)
    case 'capture':
    case 'void':
    case 'refund':
      return bank.do(`payment/${id}`, command, input)
  }
}
