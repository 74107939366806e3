/** The ledger of shards, the audit and the online auditor: what is wrong is found and named. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AuditView, PaymentView } from '../bank.js'
import { createBank } from '../client.js'
import { manual, payOf, TestBank } from '../testing/test-bank.js'
import { OnlineAuditor, type Alarm } from './online-auditor.js'
import { ageOf, mark } from './marks.js'
import { ledgerTally } from './tally.js'
import { pairOf, totals, type LedgerTally } from './transit.js'
import { addTo, equals, packedAt, setTo, unpacked, valueOf, zeros } from './wide.js'

describe('wide sums', () => {
  it('W1, W2: are exact for any amounts, and equal values have equal limbs', () => {
    const safe = fc.integer({ min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER })
    fc.assert(
      fc.property(fc.array(safe, { maxLength: 200 }), (amounts) => {
        const limbs = zeros(2)
        for (const amount of amounts) addTo(limbs, 1, amount)
        const sum = amounts.reduce((total, amount) => total + BigInt(amount), 0n)
        expect(valueOf(limbs, 1)).toBe(sum)
        expect(valueOf(limbs, 0)).toBe(0n)
        const set = zeros(1)
        setTo(set, 0, sum)
        expect(set).toEqual(limbs.slice(2))
        expect(equals(limbs, 1, packedAt(set, 0))).toBe(true)
        expect(unpacked(packedAt(set, 0))).toBe(sum)
      }),
    )
  })
})

function audited(bank: TestBank): Promise<AuditView> {
  return createBank(bank.shards.asRuntime(), { now: () => bank.shards.now }).audit()
}

/** Two shards, an account and a shop, and some payments. */
function trading(): { bank: TestBank; alice: string; shop: string } {
  const bank = new TestBank()
  const alice = bank.open(0, 'alice', 10_000)
  const shop = bank.openMerchant(1, 'shop')
  for (let i = 1; i <= 3; i++) bank.pay(alice, shop, i)
  return { bank, alice, shop }
}

describe('the audit', () => {
  it('finds nothing wrong when nothing is, and shows what is where', async () => {
    const { bank } = trading()
    expect(await audited(bank)).toEqual({
      currencies: [{ currency: 'CNY', accounts: 10_000, world: -10_000, transit: 0, sum: 0 }],
      inFlight: [],
      conserved: true,
      findings: [],
      checkedAt: bank.shards.now,
    })
  })

  it('shows money in flight with its age: credited but not posted, debited but not back', async () => {
    const { bank, alice, shop } = trading()
    const { id } = bank.pay(alice, shop, 500) as PaymentView
    bank.start(alice, 'pay', payOf(shop, 70))
    bank.shards.deliver()
    bank.start(`payment/${id}`, 'refund', { amount: 500 })
    bank.shards.deliver()
    bank.shards.now += 5_000
    const bankView = createBank(
      { ...bank.shards.asRuntime(), comparePairs: () => Promise.resolve([]) },
      { now: () => bank.shards.now },
    )
    const { inFlight, currencies, conserved } = await bankView.audit()
    expect(inFlight.find(({ from }) => from === 0)).toEqual({
      from: 0,
      to: 1,
      currency: 'CNY',
      amount: 70,
      oldestMs: expect.any(Number),
    })
    expect(inFlight[0]?.oldestMs).toBeGreaterThanOrEqual(5_000)
    expect(currencies[0]?.sum).toBe(0)
    expect(conserved).toBe(true)
    bank.shards.settle()
    expect((await audited(bank)).inFlight).toEqual([])
  })

  it('L3, L4: a message lost between two shards is found, named, and stays found', async () => {
    for (const command of ['credit', 'credited', 'debit', 'debited']) {
      const { bank, alice, shop } = trading()
      const { id } = bank.pay(alice, shop, 200) as PaymentView
      bank.shards.lose = (message) => message.command === command
      if (command.startsWith('credit')) bank.start(alice, 'pay', payOf(shop, 77))
      else bank.start(`payment/${id}`, 'refund', { amount: 77 })
      bank.shards.settle()
      bank.shards.lose = () => false
      // Later payments do not hide it.
      bank.pay(alice, shop, 5)
      for (let i = 0; i < 2; i++) {
        const { conserved, findings, currencies } = await audited(bank)
        expect(conserved).toBe(false)
        expect(findings.join(' ')).toContain('77 CNY')
        expect(currencies[0]?.sum).toBe(0)
      }
    }
  })

  it('a message applied twice or changed is found at the next comparison', () => {
    const tallies = [0, 1].map((shard) => ledgerTally.initial(shard, 2))
    const [source, target] = tallies as [LedgerTally, LedgerTally]
    const input = { amount: 30, currency: 'CNY' }
    const message = { address: 'merchant/m', command: 'credit', input }
    const first = ledgerTally.sent(source, 1, message)
    expect(ledgerTally.received(target, 0, first)).toBeUndefined()
    expect(ledgerTally.received(target, 0, first)).toContain(
      'messages for 30 CNY were sent, 60 CNY',
    )
    const second = ledgerTally.sent(source, 1, message)
    // Said once; the difference is the same.
    expect(ledgerTally.received(target, 0, second)).toBeUndefined()
    expect(valueOf(pairOf(target, 'CNY', 0).totals, totals.missingMessages)).toBe(-30n)
  })

  it('finds an account whose entries do not add up', async () => {
    const bank = new TestBank()
    const client = createBank(bank.shards.asRuntime(), { now: () => bank.shards.now })
    await client.openAccount({ id: 'alice', currency: 'CNY' })
    await client.deposit({ account: 'alice', amount: 5, currency: 'CNY', idempotencyKey: 'a' })
    await client.deposit({ account: 'alice', amount: 6, currency: 'CNY', idempotencyKey: 'b' })
    expect((await client.audit()).conserved).toBe(true)
    bank.shards.actorAt('account/alice').rows.splice(0, 1)
    expect((await client.audit()).findings).toHaveLength(1)
  })

  it('names pairs that do not answer', async () => {
    const { bank } = trading()
    const silent = {
      ...bank.shards.asRuntime(),
      comparePairs: () => Promise.resolve([{ from: 0, to: 1 }]),
    }
    const { conserved, findings } = await createBank(silent).audit()
    expect(conserved).toBe(false)
    expect(findings).toEqual([expect.stringContaining('Shard 1 has not answered shard 0')])
  })
})

describe('the tally', () => {
  it('L1: an event whose state moved other money than it says stops the shard', () => {
    const tally = ledgerTally.initial(0, 2)
    const before = {
      currency: 'CNY',
      creditsPosted: 0,
      debitsPosted: 0,
      debitsPending: 0,
      creditLimit: 0,
    }
    const change = {
      address: 'account/a',
      kind: 'account',
      key: 'a',
      event: 'deposited',
      data: { reference: 'd0-1', counterparty: '', amount: 5 },
      before,
      after: { ...before, creditsPosted: 6 },
    }
    ledgerTally.observe(tally, change)
    expect(ledgerTally.check(tally)).toContain('CNY does not balance')
  })

  it('L2: an overdrawn account stops the shard', () => {
    const tally = ledgerTally.initial(0, 2)
    const before = {
      currency: 'CNY',
      creditsPosted: 0,
      debitsPosted: 0,
      debitsPending: 0,
      creditLimit: 0,
    }
    ledgerTally.observe(tally, {
      address: 'account/a',
      kind: 'account',
      key: 'a',
      event: 'held',
      data: { reference: 'p0-1', counterparty: 'merchant/m', amount: 5, day: 1 },
      before,
      after: { ...before, debitsPending: 5 },
    })
    expect(ledgerTally.check(tally)).toContain('account/a is below')
  })

  it('stays small plain data, however long it runs', () => {
    const bank = new TestBank()
    const alice = bank.open(0, 'alice', 1_000_000)
    const shop = bank.openMerchant(1, 'shop')
    for (let i = 0; i < 600; i++) {
      bank.pay(alice, shop, 1)
      bank.shards.now += 1_500
    }
    const held = bank.pay(alice, shop, 9, manual) as PaymentView
    expect(held.status).toBe('held')
    const tally = bank.shards.shards[1]?.tally
    expect(structuredClone(tally)).toEqual(tally)
    expect(JSON.stringify(tally).length).toBeLessThan(12_000)
  })
})

describe('marks of time', () => {
  it('M1, M2: an age is never too low, too high by half and a second at most, and marks stay few', () => {
    const pause = fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 1, max: 3_000 }) },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 5_000_000 }) },
    )
    fc.assert(
      fc.property(fc.array(pause, { minLength: 1, maxLength: 900 }), fc.nat(), (pauses, pick) => {
        const marks: number[] = []
        const total = zeros(1)
        const cameAt: number[] = []
        let now = 1_700_000_000_000
        for (const ms of pauses) {
          mark(marks, now, total, 0)
          addTo(total, 0, 1)
          cameAt.push(now)
          now += ms
        }
        const taken = pick % cameAt.length
        const age = now - cameAt[taken]!
        const told = ageOf(marks, BigInt(taken), now)
        expect(told).toBeGreaterThanOrEqual(age)
        expect(told).toBeLessThanOrEqual(age * 1.5 + 1_000)
        expect(marks.length / 3).toBeLessThan(96)
      }),
      { numRuns: 300 },
    )
  })

  it('M2: a pair that is busy for a year has some dozens', () => {
    const marks: number[] = []
    const total = zeros(1)
    for (let minute = 0; minute < 525_600; minute++) mark(marks, minute * 60_000, total, 0)
    expect(marks.length / 3).toBeLessThan(96)
  })
})

describe('the online auditor', () => {
  function watched(audit: () => Promise<AuditView>) {
    const alarms: Alarm[] = []
    let now = 0
    const timers = new Set<{ at: number; run: () => void }>()
    const auditor = new OnlineAuditor(audit, {
      onAlarm: (alarm) => alarms.push(alarm),
      time: {
        now: () => now,
        after: (delayMs, run) => {
          const timer = { at: now + delayMs, run }
          timers.add(timer)
          return { cancel: () => timers.delete(timer) }
        },
      },
    })
    const pass = async (ms: number): Promise<void> => {
      const until = now + ms
      const earliest = (): number => Math.min(...[...timers].map(({ at }) => at))
      await new Promise((resolve) => setImmediate(resolve))
      while (earliest() <= until) {
        now = earliest()
        for (const timer of [...timers]) {
          if (timer.at > now) continue
          timers.delete(timer)
          timer.run()
        }
        await new Promise((resolve) => setImmediate(resolve))
      }
      now = until
    }
    return { auditor, alarms, pass }
  }

  it('O1: finds a loss between two shards within 60 s', async () => {
    const { bank, alice, shop } = trading()
    const { auditor, alarms, pass } = watched(() => audited(bank))
    auditor.start()
    await pass(30_000)
    expect(alarms).toEqual([])
    bank.shards.lose = ({ command }) => command === 'credited'
    bank.start(alice, 'pay', payOf(shop, 42))
    bank.shards.settle()
    await pass(60_000)
    expect(alarms.map(({ type }) => type)).toContain('not_conserved')
    expect(alarms.map(({ sentence }) => sentence).join(' ')).toContain('42 CNY')
    auditor.stop()
    const raised = alarms.length
    await pass(60_000)
    expect(alarms).toHaveLength(raised)
  })

  it('raises an alarm for money that is in flight too long, and when it can not audit', async () => {
    const { bank } = trading()
    const clean = await audited(bank)
    let view: AuditView | Error = {
      ...clean,
      inFlight: [{ from: 0, to: 1, currency: 'CNY', amount: 9, oldestMs: 60_001 }],
    }
    const { auditor, alarms } = watched(() =>
      view instanceof Error ? Promise.reject(view) : Promise.resolve(view),
    )
    await auditor.runOnce()
    expect(alarms[0]).toMatchObject({ type: 'in_flight_too_long' })
    view = new Error('the runtime is closed')
    await auditor.runOnce()
    expect(alarms[1]).toMatchObject({ type: 'audit_failed' })
  })

  it('O2: has one schedule, however often it is stopped and started while it audits', async () => {
    const clean = await audited(trading().bank)
    let audits = 0
    let end = (): void => undefined
    const { auditor, pass } = watched(() => {
      audits++
      return new Promise((resolve) => {
        end = () => {
          resolve(clean)
        }
      })
    })
    auditor.start()
    await pass(20_000)
    for (let i = 0; i < 3; i++) {
      auditor.stop()
      auditor.start()
    }
    // One that takes longer than the pause between two is not made twice.
    await pass(20_000)
    expect(audits).toBe(1)
    for (let i = 0; i < 10; i++) {
      end()
      await pass(0)
      await pass(20_000)
    }
    expect(audits).toBe(11)
    auditor.stop()
    end()
    await pass(60_000)
    expect(audits).toBe(11)
  })

  it('O2: who is stopped does not say that an audit could not be ended', async () => {
    let fail = (): void => undefined
    const { auditor, alarms, pass } = watched(
      () =>
        new Promise((_, reject) => {
          fail = () => {
            reject(new Error('closed'))
          }
        }),
    )
    auditor.start()
    await pass(20_000)
    auditor.stop()
    fail()
    await pass(1)
    expect(alarms).toEqual([])
  })

  it('O3: goes on when whoever is told of an alarm throws', async () => {
    let audits = 0
    let due = (): void => undefined
    const auditor = new OnlineAuditor(() => Promise.reject(new Error(`no ${++audits}`)), {
      onAlarm: () => {
        throw new Error('the pager is down')
      },
      time: { now: () => 0, after: (_, run) => ((due = run), { cancel: () => undefined }) },
    })
    auditor.start()
    for (let i = 0; i < 3; i++) {
      due()
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect([audits, auditor.alarms.audit_failed]).toEqual([3, 3])
    auditor.stop()
  })
})
