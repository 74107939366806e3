/** Each payment oracle against a history that is right and one that is wrong in just one place. */
import { describe, expect, it } from 'vitest'
import type { AccountView } from '../../bank.js'
import { CausalOrder, Violation, type Turn } from '../committed.js'
import type { Attempt, CommittedFrame, OperationRequest, OperationResult } from '../kit.js'
import { ReferenceModel } from '../reference/reference-model.js'
import { ShadowBank } from '../shadow-bank.js'
import { AccountLinearizability } from './account-linearizability.js'
import { checkAnswers } from './answers.js'
import { ConservationOracle } from './conservation.js'
import { checkAllAnswered, checkQuiet } from './convergence.js'
import { checkOverdraft } from './overdraft.js'
import { checkPaymentProgress } from './payment-progress.js'
import { checkReads } from './reads.js'
import { ReferenceOracle } from './reference.js'
import { StepsInFlight } from './steps-in-flight.js'

const alice = 'account/alice'
const shop = 'merchant/shop'

function request(name: string, input: unknown, key?: string, address = alice): OperationRequest {
  const type = key === undefined && name === 'view' ? 'query' : 'command'
  return { type, address, name, input, ...(key === undefined ? {} : { key }) }
}

function attempt(
  asked: OperationRequest,
  [invokedAt, completedAt]: readonly [number, number | undefined],
  result?: OperationResult,
): Attempt {
  return { id: invokedAt, client: 0, request: asked, attempt: 1, invokedAt, completedAt, result }
}

const answered = (value: unknown, replayed = false): OperationResult => ({
  type: 'answered',
  value,
  replayed,
})
const refused = (code: string): OperationResult => ({
  type: 'refused',
  code,
  detail: '',
  replayed: false,
})
const fault = (code: string, outcome: 'unknown' | 'not_executed'): OperationResult => ({
  type: 'fault',
  code,
  outcome,
})

interface TurnFields extends Partial<Omit<Turn, 'events'>> {
  readonly events?: readonly (readonly [address: string, event: string, data: unknown])[]
}

function turn({ events = [], ...fields }: TurnFields): Turn {
  return {
    shard: 0,
    ordinal: 1,
    cause: { type: 'request' },
    messages: [],
    keys: [],
    time: 1_000,
    writtenAt: 0,
    durableAt: 0,
    endsFrame: true,
    events: events.map(([address, event, data]) => ({
      address,
      kind: address.slice(0, address.indexOf('/')),
      event,
      kindVersion: 1,
      data,
    })),
    ...fields,
  }
}

const opened = (address: string) =>
  [address, 'opened', { currency: 'CNY', creditLimit: 0 }] as const
const deposited = (address: string, amount: number) =>
  [address, 'deposited', { reference: 'd0-1', counterparty: '', amount }] as const

/** What an oracle says: its name, or '' when it finds nothing wrong. */
function findingOf(check: () => unknown): string {
  try {
    check()
    return ''
  } catch (error) {
    if (error instanceof Violation) return error.oracle
    throw error
  }
}

describe('conservation', () => {
  const run = (...turns: Turn[]): void => {
    const shadow = new ShadowBank()
    const oracle = new ConservationOracle()
    for (const one of turns) oracle.turn(one, shadow.apply(one))
  }
  const money = turn({ events: [opened(alice), deposited(alice, 100)] })
  const movement = (address: string, event: string, amount: number, peer: number) =>
    [address, event, { reference: 'p0-1', counterparty: '', amount, peer, at: 1, day: 1 }] as const

  it('accepts a payment between two shards', () => {
    const given = turn({ shard: 1, events: [opened(shop), movement(shop, 'credited', 30, 0)] })
    const held = turn({ events: [movement(alice, 'held', 30, 1)] })
    const taken = turn({ events: [movement(alice, 'posted', 30, 1)] })
    expect(findingOf(() => run(money, held, given, taken))).toBe('')
  })

  it('finds a frame that makes money', () => {
    const made = turn({ events: [opened(shop), movement(shop, 'credited', 30, 0)] })
    expect(findingOf(() => run(money, made))).toBe('conservation')
  })

  it('finds money taken that nobody gave', () => {
    const held = turn({ events: [movement(alice, 'held', 30, 1)] })
    const taken = turn({ events: [movement(alice, 'posted', 30, 1)] })
    expect(findingOf(() => run(money, held, taken))).toBe('conservation')
  })
})

describe('no overdraft', () => {
  it('finds a withdrawal beyond what is there', () => {
    const shadow = new ShadowBank()
    const run = (amount: number) => {
      const data = { reference: 'w0-2', counterparty: '', amount }
      const events = [opened(alice), deposited(alice, 100), [alice, 'withdrawn', data] as const]
      const one = turn({ events })
      return findingOf(() => {
        checkOverdraft(one, shadow.apply(one))
      })
    }
    expect(run(100)).toBe('')
    expect(run(101)).toBe('no-overdraft')
  })
})

describe('answers', () => {
  const pay = request('deposit', { amount: 5, currency: 'CNY' }, 'k1')
  const other = request('deposit', { amount: 6, currency: 'CNY' }, 'k1')
  const value = { id: 'd0-1', amount: 5 }
  const first = attempt(pay, [1, 2], answered(value))
  const committed = new Map([
    [`${alice} deposit k1`, [{ attempt: first, outcome: { type: 'answer', value } as const }]],
  ])
  const check = (attempts: Attempt[], known = committed) =>
    findingOf(() => {
      checkAnswers(attempts, known)
    })

  it('accepts the first answer again, and a conflict for another request', () => {
    const again = attempt(pay, [3, 4], answered(value, true))
    const conflict = attempt(other, [3, 4], fault('idempotency_conflict', 'not_executed'))
    expect(check([first, again, conflict])).toBe('')
  })

  it.each<[string, Attempt[], string]>([
    [
      'an answer that changes',
      [attempt(pay, [3, 4], answered({ ...value, amount: 6 }, true))],
      'sticky-answers',
    ],
    [
      'a refusal after an answer',
      [attempt(pay, [3, 4], refused('insufficient_funds'))],
      'sticky-answers',
    ],
    [
      'a key that is free again',
      [attempt(pay, [3, 4], refused('account_not_found'))],
      'sticky-answers',
    ],
    [
      'the answer of another request',
      [attempt(other, [3, 4], answered(value, true))],
      'sticky-answers',
    ],
    ['a request done twice', [attempt(pay, [3, 4], answered(value))], 'applied-once'],
  ])('finds %s', (_name, more, oracle) => {
    expect(check([first, ...more])).toBe(oracle)
  })

  it('finds an answer that nothing committed stands for', () => {
    expect(check([first], new Map())).toBe('acknowledged')
  })

  it('finds what was done although it was refused', () => {
    const denied = attempt(pay, [1, 2], fault('overloaded', 'not_executed'))
    expect(check([denied])).toBe('refused-not-executed')
    expect(check([denied], new Map())).toBe('')
  })
})

describe('progress of payments', () => {
  const view = (status: string, captured: number): OperationResult =>
    answered({ id: 'p0-1', status, captured, refunded: 0 })
  const read = request('view', null, undefined, 'payment/p0-1')
  const settled = attempt(request('pay', {}, 'k1'), [1, 2], view('settled', 5))

  it('finds a payment that is held again', () => {
    const check = (later: Attempt) =>
      findingOf(() => {
        checkPaymentProgress([settled, later])
      })
    expect(check(attempt(read, [3, 4], view('settled', 5)))).toBe('')
    expect(check(attempt(read, [3, 4], view('held', 0)))).toBe('settled-stays')
    // Both at once: either may come first.
    expect(check(attempt(read, [1, 4], view('held', 0)))).toBe('')
  })
})

describe('reads', () => {
  it('finds a view that no committed turn led to, or one shown before it was durable', () => {
    const shadow = new ShadowBank()
    shadow.apply(turn({ durableAt: 2, events: [opened(alice), deposited(alice, 100)] }))
    const view: AccountView = {
      id: 'alice',
      kind: 'account',
      currency: 'CNY',
      status: 'open',
      debitsPending: 0,
      debitsPosted: 0,
      creditsPending: 0,
      creditsPosted: 100,
      available: 100,
      version: 2,
    }
    const check = (seen: AccountView, seenAt = 2) =>
      findingOf(() => {
        checkReads([attempt(request('view', null), [1, seenAt], answered(seen))], shadow, new Map())
      })
    expect(check(view)).toBe('')
    expect(check(view, 1.9)).toBe('reads')
    expect(check({ ...view, version: 3 })).toBe('reads')
    expect(check({ ...view, creditsPosted: 90, available: 90 })).toBe('reads')
    expect(check({ ...view, available: 90 })).toBe('reads')
  })
})

describe('steps in flight', () => {
  it('finds a payment that was read between the begin and the end of a step', () => {
    const steps = new StepsInFlight()
    const asked = request('view', null, undefined, 'payment/1')
    const check = (at: readonly [number, number]) =>
      findingOf(() => {
        steps.check([attempt(asked, at, answered({}))])
      })
    steps.turn(turn({ durableAt: 10, events: [['payment/1', 'captureStarted', {}]] }))
    steps.turn(turn({ writtenAt: 20, events: [['payment/1', 'captured', {}]] }))
    expect(check([10, 19])).toBe('steps-in-flight')
    expect(check([9, 19])).toBe('')
    expect(check([10, 20])).toBe('')
    steps.turn(turn({ durableAt: 30, events: [['payment/1', 'refundStarted', {}]] }))
    expect(check([30, 40])).toBe('steps-in-flight')
  })
})

describe('linearizability of accounts', () => {
  it('finds a read that misses what was answered before', () => {
    const check = (read: number, at: readonly [number, number]) => {
      const oracle = new AccountLinearizability()
      const deposit = request('deposit', { amount: 100, currency: 'CNY' }, 'k1')
      const done = attempt(deposit, [1, 2], answered({}))
      const shadow = new ShadowBank()
      const changes = shadow.apply(turn({ events: [opened(alice), deposited(alice, 100)] }))
      oracle.turn(changes, done, false)
      const seen = attempt(request('view', null), at, answered({ available: read }))
      return findingOf(() => {
        oracle.check([done, seen])
      })
    }
    expect(check(100, [3, 4])).toBe('')
    expect(check(0, [3, 4])).toBe('linearizability')
    expect(check(0, [1.5, 4])).toBe('')
  })
})

describe('the reference model', () => {
  const oracleOf = () => {
    const shadow = new ShadowBank()
    const oracle = new ReferenceOracle(shadow, { shardOf: () => 0, zoneOffsetMs: 0 })
    return { oracle, apply: (one: Turn) => oracle.turn(one, undefined, shadow.apply(one)) }
  }
  const deposit = (key: string, amount: number, said: number, refusal?: string): Turn => {
    const asked = request('deposit', { amount, currency: 'CNY' }, key)
    const data = { reference: `d0-${key}`, counterparty: '', amount: said }
    return turn({
      keys: [{ operation: attempt(asked, [1, undefined]), refusal, mayBeUnbound: false }],
      events: refusal === undefined ? [[alice, 'deposited', data]] : [],
    })
  }

  it.each<[string, Turn[], string]>([
    ['a deposit', [deposit('1', 5, 5), deposit('2', 7, 7)], ''],
    ['another amount than was asked', [deposit('1', 5, 6)], 'reference-model'],
    ['a refusal without a reason', [deposit('1', 5, 5, 'account_frozen')], 'reference-model'],
    ['a key that takes effect twice', [deposit('1', 5, 5), deposit('1', 5, 5)], 'applied-once'],
    [
      'a frozen account that takes money',
      [turn({ events: [[alice, 'frozen', null]] }), deposit('1', 5, 5)],
      'reference-model',
    ],
  ])('judges %s', (_name, turns, finding) => {
    const { apply } = oracleOf()
    apply(turn({ events: [opened(alice)] }))
    const said = findingOf(() => {
      turns.forEach(apply)
    })
    expect(said).toBe(finding)
  })
})

describe('convergence', () => {
  it('finds a request that nobody ever answered', () => {
    const asked = request('deposit', {}, 'k1')
    const lost = attempt(asked, [1, 2], fault('outcome_unknown', 'unknown'))
    const check = (...attempts: Attempt[]) =>
      findingOf(() => {
        checkAllAnswered(attempts)
      })
    expect(check(lost, attempt(asked, [3, 4], answered({}, true)))).toBe('')
    expect(check(lost)).toBe('convergence')
    expect(check(attempt(asked, [1, undefined]))).toBe('convergence')
  })

  it('finds money in flight and holds that nothing explains', () => {
    const model = new ReferenceModel({ shardOf: () => 0, zoneOffsetMs: 0 })
    const quiet = (left: string[]) =>
      findingOf(() => {
        checkQuiet(model, left)
      })
    expect(quiet([])).toBe('')
    expect(quiet(['payments from shard 0 to shard 1, CNY: 5'])).toBe('convergence')
    model.account(alice).debitsPending = 5
    expect(quiet([])).toBe('convergence')
  })
})

describe('causal order', () => {
  const frame = (shard: number, turns: Turn[]): CommittedFrame => ({
    shard,
    epoch: 1,
    firstOrdinal: turns[0]?.ordinal ?? 1,
    count: turns.length,
    time: 1_000,
    writtenAt: 0,
    durableAt: 0,
    group: 1,
    turns,
  })
  const message = {
    target: 1,
    number: 1,
    address: shop,
    command: 'credit',
    input: {},
    then: 'credited',
    stamp: null,
  }
  const effect = turn({ shard: 1, cause: { type: 'message', source: 0, number: 1 } })
  const cause = turn({ shard: 0, messages: [message] })

  it('keeps an effect until its cause is there', () => {
    const seen: number[] = []
    const order = new CausalOrder(({ shard }) => void seen.push(shard))
    order.add(frame(1, [effect]))
    expect(order.left).toHaveLength(1)
    order.add(frame(0, [cause]))
    expect(seen).toEqual([0, 1])
    expect(order.left).toEqual([])
  })

  it('finds a gap between ordinals', () => {
    const order = new CausalOrder(() => undefined)
    order.add(frame(0, [cause]))
    const gap = turn({ shard: 0, ordinal: 3 })
    const check = () => {
      order.add(frame(0, [gap]))
    }
    expect(findingOf(check)).toBe('dense-ordinals')
  })
})
