/**
 * The payment workload: clients that open, pay, hold, capture, void, refund, transfer, freeze, close,
 * ask again and read, from a seed.
 *
 * K1. What a client asks depends on the seed and on what was answered, on nothing else.
 */
import { addressOf } from '../../runtime/index.js'
import { actors } from '../module.js'
import { passingRefusals } from './history.js'
import { MakeRequest } from './make-request.js'
import type {
  Attempt,
  OperationRequest,
  Random,
  Workload,
  WorkloadRun,
  WorkloadScope,
} from './kit.js'
import { drawShape, operationKinds, type OperationKind, type WorkloadShape } from './shape.js'

export const paymentWorkload: Workload = {
  name: 'payments',
  actors,
  passingRefusals,
  start: (scope) => new PaymentRun(scope),
}

/** What is known of a payment, from the newest answer about it. */
interface KnownPayment {
  readonly id: string
  readonly payer: string
  readonly amount: number
  readonly status: string
  readonly captured: number
  readonly refunded: number
}

/** How often a client asks to close an account before it gives up. */
const closingTries = 4

class PaymentRun implements WorkloadRun {
  private readonly random: Random
  private readonly shape: WorkloadShape
  private readonly make: MakeRequest
  private readonly accounts: string[] = []
  private readonly payments: KnownPayment[] = []
  /** Requests with a key that were made, and others with the same key. */
  private readonly asked: { readonly first: OperationRequest; readonly other: OperationRequest }[] =
    []
  private readonly weighted: readonly OperationKind[]
  /** What is asked before all else: accounts first, then what is in them. */
  private readonly first: OperationRequest[] = []
  private readonly opening = new Set<string>()
  /** By client: what it asks next. */
  private readonly planned = new Map<number, OperationRequest>()
  /** By client: how often it still asks to close. */
  private readonly closing = new Map<number, number>()
  private readonly closed = new Set<string>()
  private readonly clients: number

  constructor(scope: WorkloadScope) {
    this.random = scope.random
    this.clients = scope.clients
    this.shape = drawShape(this.random)
    this.make = new MakeRequest(this.random, this.shape)
    this.weighted = operationKinds.flatMap((kind) =>
      new Array<OperationKind>(this.shape.weights[kind]).fill(kind),
    )
    this.prepare()
  }

  next(client: number): OperationRequest | undefined {
    const prepared = this.first.shift()
    if (prepared !== undefined) return prepared
    const planned = this.planned.get(client)
    this.planned.delete(client)
    if (planned !== undefined) return planned
    if (this.opening.size > 0) return this.make.query(this.party(), 'view', null)
    return this.draw(client, this.random.pick(this.weighted))
  }

  completed({ client, request, result }: Attempt): void {
    if (request.name === 'open' && this.opening.has(request.address)) {
      // Commands without keys are not repeated by the kit; this one has to succeed.
      if (result?.type === 'answered') this.opened(request)
      else this.first.push(request)
    }
    if (request.name === 'close') this.askedToClose(client, request, result?.type === 'answered')
    if (result?.type !== 'answered') return
    if (request.name === 'withdraw' && this.closing.has(client))
      this.emptied(client, request.address)
    else if (request.name === 'pay' || request.address.startsWith('payment/')) {
      this.learn(result.value as KnownPayment)
    } else if (this.planned.get(client)?.name === 'close') {
      const { available } = result.value as { available: number }
      // Closing needs an empty account.
      if (available > 0) this.planned.set(client, this.emptying(request.address, available))
      else this.emptied(client, request.address)
    }
  }

  finalOperations(): readonly OperationRequest[] {
    return [
      ...this.accounts.map((address) => this.make.query(address, 'view', null)),
      ...this.payments.map(({ id }) => this.make.query(addressOf('payment', id), 'view', null)),
      ...this.accounts.map((address) => this.make.query(address, 'recount', { entries: 1_000 })),
    ]
  }

  private prepare(): void {
    const { accounts, merchants, currencies, creditLimit } = this.shape
    for (let i = 0; i < accounts + merchants; i++) {
      const kind = i < accounts ? 'account' : 'merchant'
      const address = addressOf(kind, `${kind.charAt(0)}${i}`)
      this.accounts.push(address)
      this.opening.add(address)
      const currency = currencies[i % currencies.length]!
      const credit = kind === 'account' ? creditLimit : 0
      this.first.push(this.make.command(address, 'open', { currency, creditLimit: credit }))
    }
  }

  /** An account is there: set its limits, and bring money in. */
  private opened({ address }: OperationRequest): void {
    this.opening.delete(address)
    if (!address.startsWith('account/')) return
    const { perPayment, perDay, balance } = this.shape
    if (perPayment + perDay > 0) {
      this.first.push(this.make.command(address, 'setLimits', { perPayment, perDay }))
    }
    const currency = this.currencyOf(address)
    this.first.push(this.keyed(address, 'deposit', { amount: balance, currency }))
  }

  private draw(client: number, kind: OperationKind): OperationRequest {
    const { random, make } = this
    const from = this.party()
    switch (kind) {
      case 'pay':
      case 'hold':
        return this.pay(kind === 'hold')
      case 'capture':
      case 'void':
      case 'refund':
        return this.step(kind)
      case 'transfer':
        return this.transfer()
      case 'deposit':
      case 'withdraw': {
        const currency = this.currencyOf(from)
        return this.keyed(from, kind, { amount: make.amount(), currency })
      }
      case 'freeze':
        return make.command(from, random.chance(0.4) ? 'freeze' : 'unfreeze', null)
      case 'close':
        // Some stay open, or there is nothing to see.
        if (this.closed.size + 3 >= this.accounts.length) return make.query(from, 'view', null)
        this.closing.set(client, closingTries)
        this.planned.set(client, make.command(from, 'close', null))
        return make.query(from, 'view', null)
      case 'limits':
        return make.command(from, 'setLimits', make.limits())
      case 'open':
        return this.openAnother()
      case 'again':
        return this.asked.length === 0 ? this.pay(false) : random.pick(this.asked).first
      case 'conflict':
        return this.asked.length === 0 ? this.pay(false) : random.pick(this.asked).other
      case 'readAccount':
        return make.query(from, 'view', null)
      case 'readPayment': {
        const known = this.somePayment()
        return known === undefined ? make.query(from, 'view', null) : make.queryPayment(known.id)
      }
      case 'readBalance':
        return make.query(from, 'balanceAt', { at: random.whole(0, 2 ** 41) })
    }
  }

  private pay(manual: boolean): OperationRequest {
    const payer = this.party()
    const currency = this.random.chance(0.98) ? this.currencyOf(payer) : 'USD'
    return this.keyed(payer, 'pay', this.make.pay(this.party(payer), currency, manual))
  }

  private step(kind: 'capture' | 'void' | 'refund'): OperationRequest {
    const known = this.somePayment(kind)
    if (known === undefined) return this.pay(kind !== 'refund')
    const address = addressOf('payment', known.id)
    return this.keyed(address, kind, this.make.step(kind, known.amount))
  }

  private transfer(): OperationRequest {
    const legs = Array.from({ length: this.random.whole(1, 5) }, () => {
      const payer = this.party()
      const currency = this.currencyOf(payer)
      return { payer, payee: this.party(payer), amount: this.make.amount(), currency }
    })
    return this.keyed(legs[0]!.payer, 'transfer', { legs })
  }

  private emptying(address: string, amount: number): OperationRequest {
    return this.keyed(address, 'withdraw', { amount, currency: this.currencyOf(address) })
  }

  /** The account is empty; money on its way to it must keep it open. */
  private emptied(client: number, address: string): void {
    this.planned.set(client, this.make.command(address, 'close', null))
    const other = (client + 1) % this.clients
    const refundable = this.payments.filter(
      ({ payer, captured, refunded }) => payer === address && captured > refunded,
    )
    if (refundable.length > 0 && this.random.chance(0.7)) {
      const { id, amount } = this.random.pick(refundable)
      const step = this.make.step('refund', amount)
      this.planned.set(other, this.keyed(addressOf('payment', id), 'refund', step))
    } else {
      const payer = this.party(address)
      const leg = { payer, payee: address, amount: 1, currency: this.currencyOf(payer) }
      this.planned.set(other, this.keyed(payer, 'transfer', { legs: [leg] }))
    }
  }

  private askedToClose(client: number, request: OperationRequest, done: boolean): void {
    const left = (this.closing.get(client) ?? 0) - 1
    if (done) this.closed.add(request.address)
    if (done || left <= 0) this.closing.delete(client)
    else {
      this.closing.set(client, left)
      this.planned.set(client, request)
    }
  }

  private openAnother(): OperationRequest {
    const address = addressOf('account', `late-${this.random.whole(1, 4)}`)
    if (!this.accounts.includes(address)) this.accounts.push(address)
    const currency = this.currencyOf(address)
    return this.make.command(address, 'open', { currency, creditLimit: 0 })
  }

  /** A request with a key of its own, kept to be asked again. */
  private keyed(address: string, name: string, input: object | null): OperationRequest {
    const first = this.make.keyed(address, name, input)
    this.asked.push({ first, other: this.make.otherThan(first) })
    return first
  }

  private learn(known: KnownPayment): void {
    const at = this.payments.findIndex(({ id }) => id === known.id)
    if (at < 0) this.payments.push(known)
    else this.payments[at] = known
  }

  /** Mostly one of the newest for which a step makes sense. */
  private somePayment(step?: 'capture' | 'void' | 'refund'): KnownPayment | undefined {
    const fitting = this.payments.filter(({ status, captured }) =>
      step === 'refund' ? captured > 0 : step === undefined || status === 'held',
    )
    const isFit = fitting.length > 0 && this.random.chance(0.8)
    const choice = isFit ? fitting.slice(-5) : this.payments
    return choice.length === 0 ? undefined : this.random.pick(choice)
  }

  private party(other = ''): string {
    const { random, accounts } = this
    const hot = accounts[other === accounts[0] ? this.shape.accounts : 0]!
    if (hot !== other && random.chance(this.shape.hotShare)) return hot
    if (random.chance(0.02)) return addressOf('account', other === 'account/no' ? 'none' : 'no')
    const all = accounts.filter((address) => address !== other)
    // A payee of the payer's currency, mostly.
    const same = all.filter((address) => this.currencyOf(address) === this.currencyOf(other))
    const fits = other !== '' && same.length > 0 && random.chance(0.9)
    return random.pick(fits ? same : all)
  }

  private currencyOf(address: string): string {
    const { currencies } = this.shape
    return currencies[Math.max(0, this.accounts.indexOf(address)) % currencies.length]!
  }
}
