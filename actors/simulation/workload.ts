/**
 * The payment workload: clients that open, pay, hold, capture, void, refund, transfer, freeze, close,
 * ask again and read, each of them one call after the other, from a seed.
 *
 * K1. What a client asks depends on the seed and on what it was told, on nothing else.
 * K2. A request whose outcome is unknown stays open: it is asked again, with the same key, until it is
 *     known; in {@link PaymentWorkload.settle} at the latest.
 */
import type { Bank, Leg, Pay } from '../bank.js'
import { passingRefusals } from './history.js'
import { oneOf, operationKinds, whole, type OperationKind, type Random } from './shape.js'
import type { WorkloadShape } from './shape.js'

/** What the workload needs of the world it runs in. */
export interface Stage {
  readonly bank: Bank
  readonly random: Random
  readonly sleep: (ms: number) => Promise<void>
}

/** A request that can be asked again: the same every time. */
interface Asked {
  readonly ask: (bank: Bank) => Promise<unknown>
  /** The same key for another request; undefined where there is none. */
  readonly other: ((bank: Bank) => Promise<unknown>) | undefined
  known: boolean
}

/** What a client knows of a payment, from the newest answer about it. */
interface KnownPayment {
  readonly id: string
  readonly amount: number
  readonly status: string
  readonly captured: number
}

const pauseOfRetryMs = 150

export class PaymentWorkload {
  readonly accounts: string[] = []
  readonly payments: KnownPayment[] = []
  private readonly stage: Stage
  private readonly shape: WorkloadShape
  private readonly asked: Asked[] = []
  private readonly weighted: readonly OperationKind[]
  private left: number
  private nextKey = 1
  private stopped = false

  constructor(stage: Stage, shape: WorkloadShape) {
    this.stage = stage
    this.shape = shape
    this.left = shape.operations
    this.weighted = operationKinds.flatMap((kind) =>
      new Array<OperationKind>(shape.weights[kind]).fill(kind),
    )
  }

  /** Runs all clients to the end of the shape's operations. */
  async run(): Promise<void> {
    await this.openAll()
    const clients = Array.from({ length: this.shape.clients }, () => this.client())
    await Promise.all(clients)
  }

  /** No new work; what is asked is still asked again. */
  stop(): void {
    this.stopped = true
  }

  /** Asks everything that is not known again, until it is. */
  async settle(): Promise<void> {
    this.stopped = true
    for (;;) {
      const open = this.asked.filter(({ known }) => !known)
      if (open.length === 0) return
      await Promise.all(open.map((asked) => this.attempt(asked, asked.ask)))
      if (open.some(({ known }) => !known)) await this.stage.sleep(pauseOfRetryMs)
    }
  }

  private async openAll(): Promise<void> {
    const { accounts, merchants, currencies, balance } = this.shape
    const openings: Promise<void>[] = []
    for (let i = 0; i < accounts + merchants; i++) {
      const kind = i < accounts ? 'account' : 'merchant'
      const id = `${kind.charAt(0)}${i}`
      this.accounts.push(`${kind}/${id}`)
      const currency = currencies[i % currencies.length]!
      openings.push(this.openOne(kind, id, currency, kind === 'account' ? balance : 0))
    }
    await Promise.all(openings)
  }

  private async openOne(
    kind: 'account' | 'merchant',
    id: string,
    currency: string,
    balance: number,
  ): Promise<void> {
    const { creditLimit, perPayment, perDay } = this.shape
    await this.untilDone((bank) =>
      kind === 'account'
        ? bank.openAccount({ id, currency, creditLimit })
        : bank.openMerchant({ id, currency }),
    )
    const address = `${kind}/${id}`
    if (kind === 'account' && perPayment + perDay > 0) {
      const limits = {
        ...(perPayment > 0 ? { perPayment } : {}),
        ...(perDay > 0 ? { perDay } : {}),
      }
      await this.untilDone((bank) => bank.setLimits(address, limits))
    }
    if (balance > 0) await this.cash('deposit', address, balance, currency)
  }

  /** Commands without keys are safe to repeat: they answer what is so already. */
  private async untilDone(ask: (bank: Bank) => Promise<unknown>): Promise<void> {
    while (!this.stopped) {
      try {
        await ask(this.stage.bank)
        return
      } catch {
        await this.stage.sleep(pauseOfRetryMs)
      }
    }
  }

  private async client(): Promise<void> {
    const { random, sleep } = this.stage
    while (this.left > 0 && !this.stopped) {
      this.left--
      if (this.shape.pauseMsMax > 0) await sleep(random() * this.shape.pauseMsMax)
      await this.operate(oneOf(random, this.weighted))
    }
  }

  private operate(kind: OperationKind): Promise<unknown> {
    const { random } = this.stage
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
      case 'withdraw':
        return this.cash(kind, from, this.amount(), this.currencyOf(from))
      case 'freeze':
        return this.quietly((bank) => (random() < 0.4 ? bank.freeze(from) : bank.unfreeze(from)))
      case 'close':
        return this.closeOrEmpty(from)
      case 'limits':
        return this.limit(from)
      case 'open':
        return this.openAnother()
      case 'again':
        return this.askOld((asked) => asked.ask)
      case 'conflict':
        return this.askOld((asked) => asked.other)
      case 'readAccount':
        return this.quietly((bank) => bank.account(from))
      case 'readPayment':
        return this.quietly((bank) => bank.payment(this.somePayment()?.id ?? 'p0-1'))
      case 'readBalance':
        return this.quietly((bank) => bank.balanceAt(from, whole(random, 0, 2 ** 42)))
    }
  }

  private async pay(manual: boolean): Promise<void> {
    const { random } = this.stage
    const payer = this.party()
    const payee = this.party(payer)
    const request: Pay = {
      payer,
      payee,
      amount: this.amount(),
      currency: random() < 0.98 ? this.currencyOf(payer) : 'USD',
      idempotencyKey: this.key(),
      ...(random() < 0.3 ? { memo: 'lunch' } : {}),
      ...(manual
        ? {
            capture: 'manual' as const,
            expiresInSeconds: whole(random, 1, this.shape.expirySecondsMax),
          }
        : {}),
    }
    await this.ask(
      (bank) => bank.pay(request),
      (bank) => bank.pay({ ...request, amount: request.amount + 1 }),
    )
  }

  private async step(kind: 'capture' | 'void' | 'refund'): Promise<void> {
    const { random } = this.stage
    const known = this.somePayment(kind)
    if (known === undefined) return this.pay(kind !== 'refund')
    const payment = known.id
    const above = known.amount + 1
    const idempotencyKey = this.key()
    const amount = random() < 0.4 ? undefined : whole(random, 1, above)
    const part = amount === undefined ? {} : { amount }
    if (kind === 'void') {
      await this.ask((bank) => bank.voidPayment({ payment, idempotencyKey }), undefined)
    } else if (kind === 'capture') {
      const final = random() < 0.3
      await this.ask(
        (bank) => bank.capture({ payment, idempotencyKey, final, ...part }),
        (bank) => bank.capture({ payment, idempotencyKey, amount: above }),
      )
    } else {
      await this.ask(
        (bank) => bank.refund({ payment, idempotencyKey, ...part }),
        (bank) => bank.refund({ payment, idempotencyKey, amount: above }),
      )
    }
  }

  private async transfer(): Promise<void> {
    const { random } = this.stage
    const legs = Array.from({ length: whole(random, 1, 5) }, (): Leg => {
      const payer = this.party()
      const currency = this.currencyOf(payer)
      return { payer, payee: this.party(payer), amount: this.amount(), currency }
    })
    const idempotencyKey = this.key()
    await this.ask(
      (bank) => bank.transfer({ legs, idempotencyKey }),
      (bank) => bank.transfer({ legs: [...legs, legs[0]!], idempotencyKey }),
    )
  }

  private async cash(
    kind: 'deposit' | 'withdraw',
    account: string,
    amount: number,
    currency: string,
  ): Promise<void> {
    const request = { account, amount, currency, idempotencyKey: this.key() }
    await this.ask(
      (bank) => bank[kind](request),
      (bank) => bank[kind]({ ...request, amount: amount + 1 }),
    )
  }

  /** Closing needs an empty account: now and then it is emptied first. */
  private async closeOrEmpty(account: string): Promise<void> {
    const { random } = this.stage
    const view = await this.quietly((bank) => bank.account(account))
    const available = (view as { available?: number } | undefined)?.available ?? 0
    if (available > 0 && random() < 0.3) {
      await this.cash('withdraw', account, available, this.currencyOf(account))
    }
    await this.quietly((bank) => bank.close(account))
  }

  private limit(account: string): Promise<unknown> {
    const { random } = this.stage
    const { amountMax } = this.shape
    return this.quietly((bank) =>
      bank.setLimits(account, {
        ...(random() < 0.5 ? { perPayment: whole(random, 1, amountMax) } : {}),
        ...(random() < 0.7 ? { perDay: whole(random, 1, amountMax * 4) } : {}),
      }),
    )
  }

  private async openAnother(): Promise<void> {
    const id = `late-${whole(this.stage.random, 1, 4)}`
    const address = `account/${id}`
    if (!this.accounts.includes(address)) this.accounts.push(address)
    await this.quietly((bank) => bank.openAccount({ id, currency: this.currencyOf(address) }))
  }

  private async askOld(
    which: (asked: Asked) => ((bank: Bank) => Promise<unknown>) | undefined,
  ): Promise<void> {
    if (this.asked.length === 0) return
    const asked = oneOf(this.stage.random, this.asked)
    const ask = which(asked)
    if (ask !== undefined) await this.quietly(ask)
  }

  /** A new request, asked until its outcome is known or it is left for the end. */
  private async ask(ask: Asked['ask'], other: Asked['other']): Promise<void> {
    const asked: Asked = { ask, other, known: false }
    this.asked.push(asked)
    const { random, sleep } = this.stage
    while (!(await this.attempt(asked, ask))) {
      if (this.stopped || random() >= this.shape.retryShare) return
      await sleep(pauseOfRetryMs)
    }
  }

  /** @returns true when the outcome is known */
  private async attempt(asked: Asked, ask: Asked['ask']): Promise<boolean> {
    try {
      this.learn(await ask(this.stage.bank))
      asked.known = true
    } catch (error) {
      asked.known = isFinal(error)
    }
    return asked.known
  }

  private async quietly(ask: (bank: Bank) => Promise<unknown>): Promise<unknown> {
    try {
      return await ask(this.stage.bank)
    } catch {
      return undefined
    }
  }

  private learn(answer: unknown): void {
    const known = answer as KnownPayment
    if (!known.id.startsWith('p')) return
    const at = this.payments.findIndex(({ id }) => id === known.id)
    if (at < 0) this.payments.push(known)
    else this.payments[at] = known
  }

  /** Mostly one of the newest for which a step makes sense. */
  private somePayment(step?: 'capture' | 'void' | 'refund'): KnownPayment | undefined {
    const { random } = this.stage
    const fitting = this.payments.filter(({ status, captured }) =>
      step === 'refund' ? captured > 0 : step === undefined || status === 'held',
    )
    const choice = fitting.length > 0 && random() < 0.8 ? fitting.slice(-5) : this.payments
    return choice.length === 0 ? undefined : oneOf(random, choice)
  }

  private party(other = ''): string {
    const { random } = this.stage
    const { accounts } = this
    const hot = accounts[other === accounts[0] ? this.shape.accounts : 0]!
    if (random() < this.shape.hotShare && hot !== other) return hot
    const all = accounts.filter((address) => address !== other)
    if (random() < 0.02) return 'account/nobody'
    // A payee of the payer's currency, mostly.
    const same = all.filter((address) => this.currencyOf(address) === this.currencyOf(other))
    return oneOf(random, other !== '' && same.length > 0 && random() < 0.9 ? same : all)
  }

  private currencyOf(address: string): string {
    const { currencies } = this.shape
    return currencies[Math.max(0, this.accounts.indexOf(address)) % currencies.length]!
  }

  private amount(): number {
    return whole(this.stage.random, 1, this.shape.amountMax)
  }

  private key(): string {
    return `k${this.nextKey++}`
  }
}

/** A refusal is final, trouble is not; who does not exist yet may exist later, but nobody waits for it. */
function isFinal(error: unknown): boolean {
  const { code, retryable } = error as { code?: string; retryable?: boolean }
  return retryable === false || passingRefusals.has(code ?? '')
}
