/** The payments a measured process asks for, one promise each, every one with a key of its own. */
import { Fault } from '../../runtime/index.js'
import type { Bank, PaymentView, TransferView } from '../../actors/index.js'
import { Acknowledged, amountEach } from '../harness/acknowledged.js'
import type { Slot, Workload } from '../harness/loops.js'
import { currency, type Pairs, type Parties } from './parties.js'

/** What is paid: once; from user and campaign together; from one account to three. */
export type Operation = 'pay' | 'campaign' | 'fanOut'

/** Legs of the four-account transfer of the actor-transaction papers. */
const fanOutLegs = 3

export class PaymentsWorkload implements Workload {
  readonly acknowledgements: Acknowledged
  readonly parties: Parties
  private readonly bank: Bank
  private readonly run: string
  private pairs: Pairs | undefined
  private operation: Operation = 'pay'
  private next = 0

  /** @param run begins the keys of this run: no other run has it */
  constructor(bank: Bank, parties: Parties, run: string) {
    this.bank = bank
    this.parties = parties
    this.acknowledgements = new Acknowledged(parties.count)
    this.run = run
  }

  begin(pairs: Pairs, operation: Operation): void {
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
