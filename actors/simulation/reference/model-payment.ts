/**
 * Payments of the reference model: what a client may ask of one, what it answers, and the steps in
 * which money crosses from shard to shard.
 *
 * M1. A step that crosses is asked once, decided once at the payee, and ended once at the payer.
 */
import type { PaymentStatus, PaymentView } from '../../bank.js'
import {
  availableIn,
  count,
  hold,
  post,
  release,
  whyNotCredit,
  whyNotDebit,
  type ModelAccount,
} from './model-account.js'

/** The world of one payment: its two accounts, its shards, the moment. */
export interface PaymentWorld {
  readonly payer: ModelAccount
  readonly payee: ModelAccount
  /** Payer and payee live in one shard, or the turn called into the payee's. */
  readonly together: boolean
  /** The payee is of another shard: what was called there is a turn of its own, behind this one. */
  readonly near: boolean
  /** What a near payee refused with, as committed: its state at that moment is not in the journal. */
  readonly nearRefusal: string
  readonly now: number
}

/** A step that waits for the payee's shard. */
interface Crossing {
  readonly type: 'capture' | 'refund'
  readonly amount: number
  readonly final: boolean
  /** What the payee's shard decided: '' for yes. Undefined until it has. */
  decided: { readonly why: string; readonly at: number } | undefined
}

/** What a request comes to: a refusal's code, the answer, or the answer later. */
export type ModelOutcome =
  | { readonly type: 'refused'; readonly code: string }
  | { readonly type: 'answer'; readonly value: unknown }
  | { readonly type: 'later' }

export const later: ModelOutcome = { type: 'later' }

export function refusedWith(code: string): ModelOutcome {
  return { type: 'refused', code }
}

export interface NewPayment {
  readonly payerAddress: string
  readonly payeeAddress: string
  readonly amount: number
  readonly currency: string
  readonly memo: string
  readonly day: number
  readonly createdAt: number
  /** 0 for an automatic payment. */
  readonly expiresAt: number
}

export class ModelPayment {
  progress: 'held' | 'settled' | 'voided' | 'expired' | 'failed' = 'held'
  captured = 0
  refunded = 0
  /** Steps ended, refused ones of other shards too. */
  steps = 0
  crossing: Crossing | undefined
  expiryDue = false
  /** Called at the payee's shard, and not yet seen there. */
  private readonly called: { readonly type: 'capture' | 'refund'; readonly amount: number }[] = []
  private settledAt = 0
  private failure = ''
  readonly id: string
  readonly terms: NewPayment

  constructor(id: string, terms: NewPayment) {
    this.id = id
    this.terms = terms
  }

  /** @returns the payee's refusal, '' for yes; the turn of a near one comes behind */
  private callPayee(type: 'capture' | 'refund', amount: number, world: PaymentWorld): string {
    if (!world.near) return this.atPayee(type, amount, world.payee)
    if (payeeRefusals[type].has(world.nearRefusal)) return world.nearRefusal
    this.called.push({ type, amount })
    return ''
  }

  private atPayee(type: 'capture' | 'refund', amount: number, payee: ModelAccount): string {
    const { currency } = this.terms
    const why =
      type === 'capture'
        ? whyNotCredit(payee, currency, 'payee_not_found')
        : whyNotDebit(payee, amount, currency, 'payee_not_found')
    if (why === '' && type === 'capture') payee.creditsPosted += amount
    if (why === '' && type === 'refund') payee.debitsPosted += amount
    return why
  }

  /** Begins it: holds, or pays at once where nothing has to cross. */
  begin(world: PaymentWorld): ModelOutcome {
    const { amount, day, expiresAt } = this.terms
    if (expiresAt === 0 && world.together) {
      const why = this.callPayee('capture', amount, world)
      if (why !== '') return refusedWith(why)
      world.payer.debitsPosted += amount
      count(world.payer, amount, day)
      this.captured = amount
      this.progress = 'settled'
      this.settledAt = world.now
      return this.answer()
    }
    hold(world.payer, amount, day)
    if (expiresAt > 0) return this.answer()
    this.crossing = { type: 'capture', amount, final: true, decided: undefined }
    return later
  }

  capture(input: { amount?: number; final?: boolean }, world: PaymentWorld): ModelOutcome {
    if (this.progress !== 'held') return refusedWith(this.endedCode())
    const left = this.terms.amount - this.captured
    const amount = input.amount ?? left
    if (amount > left) return refusedWith('amount_exceeds_capturable')
    if (this.steps >= stepsMax) return refusedWith('limit_exceeded')
    const final = amount === left || input.final === true
    if (!world.together) return this.cross('capture', amount, final)
    const why = this.callPayee('capture', amount, world)
    if (why !== '') return refusedWith(why)
    this.take(amount, final, world.now, world.payer)
    return this.stepDone()
  }

  void(world: PaymentWorld): ModelOutcome {
    if (this.progress !== 'held') return refusedWith(this.endedCode())
    this.endHold('voided', world.payer)
    return this.stepDone()
  }

  refund(input: { amount?: number }, world: PaymentWorld): ModelOutcome {
    if (this.progress !== 'held' && this.progress !== 'settled') {
      return refusedWith(this.endedCode())
    }
    const left = this.captured - this.refunded
    const amount = input.amount ?? left
    if (world.payer.status === 'closed') return refusedWith('account_closed')
    if (left === 0 || amount > left) return refusedWith('amount_exceeds_refundable')
    if (this.steps >= stepsMax) return refusedWith('limit_exceeded')
    if (!world.together) {
      world.payer.creditsPending += amount
      return this.cross('refund', amount, false)
    }
    const why = this.callPayee('refund', amount, world)
    if (why !== '') return refusedWith(why)
    world.payer.creditsPosted += amount
    this.refunded += amount
    return this.stepDone()
  }

  /** The step arrives at the payee's shard. @returns the refusal's code, '' for yes */
  arrive(type: 'capture' | 'refund', amount: number, world: PaymentWorld): string {
    const crossing = this.expectCrossing(type)
    if (crossing.decided !== undefined) throw new Error(`${this.id}: a ${type} arrives twice`)
    if (crossing.amount !== amount) {
      throw new Error(`${this.id}: a ${type} of ${crossing.amount} arrives as ${amount}`)
    }
    const why = this.atPayee(type, amount, world.payee)
    crossing.decided = { why, at: world.now }
    return why
  }

  /** What was called at the payee's shard: decided there, before the turn that called went on. */
  arriveNear(type: 'capture' | 'refund', amount: number, world: PaymentWorld): void {
    const called = this.called.findIndex((one) => one.type === type && one.amount === amount)
    if (called < 0) throw new Error(`${this.id}: a ${type} of ${amount} that nobody called for`)
    this.called.splice(called, 1)
    const why = this.atPayee(type, amount, world.payee)
    if (why !== '') throw new Error(`${this.id}: the payee should have refused with ${why}`)
  }

  /** The payee's decision is back at the payer. @returns the answer to who asked */
  comeBack(type: 'capture' | 'refund', world: PaymentWorld): ModelOutcome {
    const crossing = this.expectCrossing(type)
    if (crossing.decided === undefined) throw new Error(`${this.id}: a ${type} ends undecided`)
    const { why, at } = crossing.decided
    const automatic = this.terms.expiresAt === 0 && type === 'capture'
    this.crossing = undefined
    if (type === 'refund') world.payer.creditsPending -= crossing.amount
    let outcome: ModelOutcome
    if (why === '') {
      if (type === 'capture') this.take(crossing.amount, crossing.final, at, world.payer)
      else {
        world.payer.creditsPosted += crossing.amount
        this.refunded += crossing.amount
      }
      outcome = this.answer()
    } else {
      outcome = refusedWith(why)
      if (automatic) {
        this.failure = why
        this.endHold('failed', world.payer)
      }
    }
    if (!automatic) this.steps++
    if (this.expiryDue && this.progress === 'held') this.endHold('expired', world.payer)
    return outcome
  }

  /** The timer of the hold fires. */
  timeIsOver(world: PaymentWorld): void {
    if (world.now < this.terms.expiresAt) {
      throw new Error(`${this.id} expires at ${world.now}, before ${this.terms.expiresAt}`)
    }
    if (this.progress !== 'held') return
    if (this.crossing === undefined) this.endHold('expired', world.payer)
    else this.expiryDue = true
  }

  /** The payment as a client sees it. */
  view(): PaymentView {
    const { terms, captured, refunded } = this
    return {
      id: this.id,
      status: this.status(),
      payer: terms.payerAddress,
      payee: terms.payeeAddress,
      amount: terms.amount,
      captured,
      refunded,
      currency: terms.currency,
      createdAt: terms.createdAt,
      ...(this.progress === 'settled' ? { settledAt: this.settledAt } : {}),
      ...(terms.expiresAt > 0 ? { expiresAt: terms.expiresAt } : {}),
      ...(terms.memo === '' ? {} : { memo: terms.memo }),
      ...(this.failure === '' ? {} : { failure: this.failure }),
    }
  }

  /** What the payment says about itself that can never be. '' when all is well */
  findings(): string {
    const { captured, refunded, terms } = this
    if (refunded > captured) return `${this.id}: refunded ${refunded} of ${captured} captured`
    if (captured > terms.amount) return `${this.id}: captured ${captured} of ${terms.amount}`
    return ''
  }

  private status(): PaymentStatus {
    const { progress, captured, refunded } = this
    if (progress !== 'settled' || refunded === 0) return progress
    return refunded === captured ? 'refunded' : 'partially_refunded'
  }

  private answer(): ModelOutcome {
    return { type: 'answer', value: this.view() }
  }

  private stepDone(): ModelOutcome {
    this.steps++
    return this.answer()
  }

  private cross(type: 'capture' | 'refund', amount: number, final: boolean): ModelOutcome {
    if (this.crossing !== undefined) throw new Error(`${this.id}: two steps are in flight`)
    this.crossing = { type, amount, final, decided: undefined }
    return later
  }

  private expectCrossing(type: 'capture' | 'refund'): Crossing {
    if (this.crossing?.type === type) return this.crossing
    throw new Error(`${this.id}: no ${type} is in flight`)
  }

  private take(amount: number, final: boolean, at: number, payer: ModelAccount): void {
    post(payer, amount)
    this.captured += amount
    this.settledAt = at
    if (!final) return
    this.progress = 'settled'
    this.giveBack(payer)
  }

  private endHold(cause: 'voided' | 'expired' | 'failed', payer: ModelAccount): void {
    this.progress = this.captured > 0 ? 'settled' : cause
    this.giveBack(payer)
  }

  private giveBack(payer: ModelAccount): void {
    const rest = this.terms.amount - this.captured
    if (rest > 0) release(payer, rest, this.terms.day)
    if (availableIn(payer) < 0) throw new Error(`${this.terms.payerAddress} is overdrawn`)
  }

  private endedCode(): string {
    return this.progress === 'settled'
      ? 'payment_already_captured'
      : `payment_already_${this.progress}`
  }
}

/** What a payee may refuse with, and for good. */
const payeeRefusals = {
  capture: new Set(['account_closed', 'account_frozen', 'currency_mismatch']),
  refund: new Set(['account_closed', 'account_frozen', 'insufficient_funds']),
} as const

/** Steps one payment may have. */
const stepsMax = 256
