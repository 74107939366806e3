/**
 * A measured process: the runtime embedded, the payment domain on it, the generator beside it in the
 * main thread, as a service that embeds it would be. Everything through the public API, one promise a
 * payment, every payment with a key of its own.
 */
import { createRuntime, Fault, type Runtime } from '../../runtime/index.js'
import { payments, type Bank, type PaymentView, type TransferView } from '../../actors/index.js'
import { Acknowledged, amountEach } from '../harness/acknowledged.js'
import { seeded } from '../harness/chance.js'
import { closedLoop, openLoop, type Measured, type Slot, type Workload } from '../harness/loops.js'
import { serveOrders } from '../harness/program.js'
import { shardOfHome } from '../../runtime/internal.js'
import { openParties } from './open-parties.js'
import { currency, Pairs, Parties, type Pattern } from './parties.js'

export interface PaymentsSetup {
  readonly dataDir: string
  readonly threads?: number
  readonly shards: number
  readonly accounts: number
}

export interface PaymentsRound {
  readonly seconds: number
  readonly pattern: Pattern
  /** What is paid: once; from user and campaign together; from one account to three. @default 'pay' */
  readonly operation?: 'pay' | 'campaign' | 'fanOut'
  /** Closed loop with so many at work, */
  readonly window?: number
  /** or open loop with this rate. */
  readonly perSecond?: number
  /** Snapshots of all shards are written again and again meanwhile. @default false */
  readonly snapshots?: boolean
}

const seed = 20_260_101
/** Legs of the four-account transfer of the actor-transaction papers. */
const fanOutLegs = 3

class Payments implements Workload {
  readonly acknowledgements: Acknowledged
  readonly parties: Parties
  readonly runtime: Runtime
  private readonly bank: Bank
  private readonly run: string
  private pairs: Pairs | undefined
  private operation: NonNullable<PaymentsRound['operation']> = 'pay'
  private next = 0

  constructor(runtime: Runtime, parties: Parties) {
    this.runtime = runtime
    this.bank = payments.client(runtime)
    this.parties = parties
    this.acknowledgements = new Acknowledged(parties.count)
    this.run = `e${runtime.epoch}`
  }

  begin(pairs: Pairs, operation: NonNullable<PaymentsRound['operation']>): void {
    this.pairs = pairs
    this.operation = operation
  }

  issue(slot: Slot): Promise<unknown> {
    slot.a = this.pairs!.payer()
    slot.b = this.pairs!.payee(slot.a)
    slot.c = this.next++
    if (this.operation !== 'pay') return this.bank.transfer(this.transferOf(slot))
    return this.bank.pay({
      payer: this.parties.addresses[slot.a]!,
      payee: this.parties.addresses[slot.b]!,
      amount: amountEach,
      currency,
      idempotencyKey: this.keyOf(slot),
    })
  }

  acknowledged(slot: Slot, answer: unknown): void {
    if (this.operation === 'pay') this.acknowledgePayment(slot, answer as PaymentView)
    else
      this.eachLeg(answer as TransferView, (payer, payee) =>
        this.acknowledgements.paid(payer, payee),
      )
  }

  refused(slot: Slot, error: unknown): void {
    if (!(error instanceof Fault) || error.outcome !== 'unknown') return
    if (this.operation === 'pay') this.acknowledgements.perhaps(slot.a, slot.b)
    else throw new Error('a transfer without a known outcome can not be counted')
  }

  private acknowledgePayment(slot: Slot, { id }: PaymentView): void {
    this.acknowledgements.paid(slot.a, slot.b)
    if (!this.acknowledgements.wantsSample()) return
    const payer = this.parties.addresses[slot.a]!
    const payee = this.parties.addresses[slot.b]!
    this.acknowledgements.keep({ id, payer, payee, idempotencyKey: this.keyOf(slot) })
  }

  private transferOf(slot: Slot): Parameters<Bank['transfer']>[0] {
    const leg = (payer: number, payee: number) => ({
      payer: this.parties.addresses[payer]!,
      payee: this.parties.addresses[payee]!,
      amount: amountEach,
      currency,
    })
    const legs =
      this.operation === 'campaign'
        ? [leg(slot.a, slot.b), leg(this.parties.campaign, slot.b)]
        : this.fanOut(slot).map((payee) => leg(slot.a, payee))
    return { legs, idempotencyKey: this.keyOf(slot) }
  }

  /** Three payees, none of them twice. */
  private fanOut(slot: Slot): number[] {
    const payees = new Set([slot.b])
    for (let tries = 0; payees.size < fanOutLegs && tries < 1_000; tries++) {
      payees.add(this.pairs!.payee(slot.a))
    }
    return [...payees]
  }

  private eachLeg(transfer: TransferView, take: (payer: number, payee: number) => void): void {
    for (const { payer, payee } of transfer.legs) take(this.partyOf(payer), this.partyOf(payee))
  }

  private partyOf(address: string): number {
    if (address === 'account/campaign') return this.parties.campaign
    const number = Number(address.slice(address.indexOf('/') + 2))
    return address.startsWith('merchant/') ? this.parties.accounts + number : number
  }

  private keyOf(slot: Slot): string {
    return `${this.run}-${slot.c}`
  }
}

let running: Payments | undefined

async function open(setup: PaymentsSetup): Promise<unknown> {
  const runtime = await createRuntime({
    dataDir: setup.dataDir,
    actors: payments.actors,
    shards: setup.shards,
    ...(setup.threads === undefined ? {} : { threads: setup.threads }),
  })
  const parties = new Parties(setup.accounts)
  await openParties(payments.client(runtime), parties)
  running = new Payments(runtime, parties)
  return { threads: runtime.threads, shards: runtime.shards, opened: parties.count }
}

async function round(options: PaymentsRound): Promise<Measured> {
  const system = running!
  const pairs = new Pairs(system.parties, options.pattern, seed)
  system.begin(pairs, options.operation ?? 'pay')
  const { seconds, perSecond, window = 1 } = options
  const ended = new AbortController()
  const snapshots =
    options.snapshots === true ? keepSnapshotting(system.runtime, ended.signal) : undefined
  const measured =
    perSecond === undefined
      ? await closedLoop(system, { seconds, window })
      : await openLoop(system, { seconds, perSecond, chance: seeded(seed) })
  ended.abort()
  await snapshots
  return measured
}

async function keepSnapshotting(runtime: Runtime, ended: AbortSignal): Promise<void> {
  while (!ended.aborted) await runtime.snapshot()
}

serveOrders({
  open,
  round,
  shareAcross(pattern: Pattern): number {
    const { parties, runtime } = running!
    return new Pairs(parties, pattern, seed).shareAcross((party) =>
      shardOfHome(parties.addresses[party]!, runtime.shards),
    )
  },
  /** Before a crash and after each run: what was acknowledged. */
  save: (path: string) => running!.acknowledgements.save(path),
  async close(path: string): Promise<void> {
    running!.acknowledgements.save(path)
    await running!.runtime.close()
  },
})
