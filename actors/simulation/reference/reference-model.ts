/**
 * The reference model: all payment commands in one thread, one map of accounts, no shards but as
 * names. It replays committed turns in causal order and says for each what must have come of it.
 *
 * R1. It decides every command and every step by itself; a turn that shows another decision, another
 *     counter or another answer is a finding.
 */
import { keyOf } from '../../../runtime/index.js'
import type { Leg } from '../../bank.js'
import { rankOf } from '../../refusals.js'
import { placeOf, Violation, type Turn } from '../committed.js'
import { keyName, passingRefusals } from '../history.js'
import type { Attempt, CommittedEvent, CommittedMessage, OperationRequest } from '../kit.js'
import { modelDay, newAccount, whyNotCredit, whyNotDebit, whyNotSpend } from './model-account.js'
import type { ModelAccount } from './model-account.js'
import { ModelPayment, refusedWith, type ModelOutcome, type PaymentWorld } from './model-payment.js'
import { isNear, takeStep } from './model-steps.js'
import { ModelTransfer, type TransferWorld } from './model-transfer.js'

export interface ReferenceOptions {
  shardOf: (address: string) => number
  /** Of the zone of daily limits; constant. */
  readonly zoneOffsetMs: number
}

/** What a request came to, as committed. */
export interface ModelAnswer {
  /** The request's first attempt. */
  readonly attempt: Attempt
  /** Undefined while it is in flight. */
  outcome: ModelOutcome | undefined
}

export class ReferenceModel {
  readonly accounts = new Map<string, ModelAccount>()
  readonly payments = new Map<string, ModelPayment>()
  readonly transfers = new Map<string, ModelTransfer>()
  /** By key: what each of its executions came to. More than one only after refusals that pass. */
  readonly answers = new Map<string, ModelAnswer[]>()
  /** Accounts the last turn looked at. */
  readonly touched = new Set<string>()
  readonly touchedPayments = new Set<ModelPayment>()
  readonly world: TransferWorld
  private readonly options: ReferenceOptions
  /** Requests that wait for the end of a step, by payment or transfer. */
  private readonly waiting = new Map<string, ModelAnswer>()
  /** Requests whose turns called into other shards, by the numbers of their messages. */
  private readonly callers = new Map<string, Attempt>()
  private readonly timers = new Map<string, string>()
  private readonly ids = new Set<string>()

  constructor(options: ReferenceOptions) {
    this.options = options
    this.world = {
      account: (address) => this.account(address),
      shardOf: options.shardOf,
      dayOf: (time) => modelDay(time, options.zoneOffsetMs),
      rankOf,
    }
  }

  account(address: string): ModelAccount {
    this.touched.add(address)
    let account = this.accounts.get(address)
    if (account === undefined) this.accounts.set(address, (account = newAccount()))
    return account
  }

  /** The request that waits for what a turn does; undefined for what comes of itself. */
  causeOf(turn: Turn, message: CommittedMessage | undefined): Attempt | undefined {
    if (turn.cause.type === 'request') return turn.keys[0]?.operation
    // A comparison of two shards carries nothing.
    if (message === undefined || message.command === '') return undefined
    const { source, number } = turn.cause as { source: number; number: number }
    const caller = this.callers.get(`${source} ${turn.shard} ${number}`)
    if (caller !== undefined) return caller
    const named = message.input as { payment?: string; transfer?: string }
    return this.waiting.get(named.payment ?? named.transfer ?? keyOf(message.address))?.attempt
  }

  /** Replays one turn. @throws Violation */
  apply(turn: Turn, message: CommittedMessage | undefined): void {
    this.touched.clear()
    this.touchedPayments.clear()
    try {
      this.replay(turn, message)
    } catch (error) {
      if (error instanceof Violation) throw error
      const { message: sentence } = error as Error
      throw new Violation('reference-model', `${placeOf(turn)}: ${sentence}`)
    }
    for (const { kind, event, address, data } of turn.events) {
      if (kind !== 'payment' || event !== 'held') continue
      this.timers.set(`${turn.shard} ${(data as { timer: number }).timer}`, address)
    }
  }

  private replay(turn: Turn, message: CommittedMessage | undefined): void {
    switch (turn.cause.type) {
      case 'request':
        if (turn.keys.length > 0) for (const key of turn.keys) this.keyed(turn, key)
        else for (const event of turn.events) this.administer(event)
        return
      case 'message':
        if (message !== undefined && message.command !== '') takeStep(this, turn, message)
        return
      case 'timer':
        this.expire(turn, turn.cause.id)
        return
      case 'waiting':
        throw new Error('a quarantined actor runs what had waited')
    }
  }

  /** A client's command that left its key. */
  private keyed(turn: Turn, { operation, refusal }: Turn['keys'][number]): void {
    const { request } = operation
    for (const message of turn.messages) {
      if (!isNear(message)) continue
      this.callers.set(`${turn.shard} ${message.target} ${message.number}`, operation)
    }
    const outcome = this.run(turn, request, refusal)
    // A transfer that its coordinator refused is remembered by its number, like one that was done.
    const byNumber = request.name === 'transfer' && refusal === undefined
    const due = outcome.type === 'refused' && !byNumber ? outcome.code : undefined
    if (refusal !== due) {
      throw new Error(
        `${keyName(request)} ${JSON.stringify(request.input)} ended ${refusal ?? 'well'}; the model says ${due ?? 'well'}`,
      )
    }
    this.remember(turn, operation, outcome)
  }

  private remember(turn: Turn, attempt: Attempt, outcome: ModelOutcome): void {
    const key = keyName(attempt.request)
    const executions = this.answers.get(key) ?? []
    const last = executions.at(-1)?.outcome
    const isFree = last === undefined ? executions.length === 0 : hasPassed(last)
    if (!isFree) {
      throw new Violation('applied-once', `${placeOf(turn)}: ${key} takes effect again.`)
    }
    const answer: ModelAnswer = { attempt, outcome: outcome.type === 'later' ? undefined : outcome }
    this.answers.set(key, [...executions, answer])
    if (outcome.type === 'later') this.waiting.set(waitsFor(turn, attempt.request), answer)
  }

  private run(turn: Turn, request: OperationRequest, refusal: string | undefined): ModelOutcome {
    switch (request.name) {
      case 'deposit':
      case 'withdraw':
        return this.moveCash(turn, request)
      case 'pay':
        return this.pay(turn, request, refusal)
      case 'transfer':
        return this.transfer(turn, request.input as { legs: readonly Leg[] }, refusal)
      default:
        return this.changePayment(turn, request, refusal)
    }
  }

  private changePayment(
    turn: Turn,
    { address, name, input }: OperationRequest,
    refusal: string | undefined,
  ): ModelOutcome {
    const payment = this.payment(keyOf(address))
    if (payment.crossing !== undefined) throw new Error(`${address}: ${name} did not wait`)
    const world = this.worldOf(payment, turn, refusal)
    if (name === 'capture') return payment.capture(input as { amount?: number }, world)
    if (name === 'refund') return payment.refund(input as { amount?: number }, world)
    if (name === 'void') return payment.void(world)
    throw new Error(`the model does not know the command ${name}`)
  }

  private moveCash(turn: Turn, request: OperationRequest): ModelOutcome {
    const { amount, currency } = request.input as { amount: number; currency: string }
    const account = this.account(request.address)
    const deposit = request.name === 'deposit'
    const why = deposit
      ? whyNotCredit(account, currency, 'account_not_found')
      : whyNotDebit(account, amount, currency, 'account_not_found')
    if (why !== '') return refusedWith(why)
    if (deposit) account.creditsPosted += amount
    else account.debitsPosted += amount
    const id = this.newId(turn, referenceIn(turn))
    return {
      type: 'answer',
      value: { id, account: request.address, amount, currency, createdAt: turn.time },
    }
  }

  private pay(turn: Turn, request: OperationRequest, refusal: string | undefined): ModelOutcome {
    const input = request.input as PayInput
    const payerAddress = request.address
    const { amount, currency, payee: payeeAddress, manual, expiresInMs, memo } = input
    const day = modelDay(turn.time, this.options.zoneOffsetMs)
    const why = whyNotSpend(this.account(payerAddress), amount, currency, day)
    if (why !== '') return refusedWith(why)
    const createdAt = turn.time
    const expiresAt = manual ? createdAt + expiresInMs : 0
    const terms = { payerAddress, payeeAddress, amount, currency, memo, day, createdAt, expiresAt }
    const payment = new ModelPayment(refusal === undefined ? referenceIn(turn) : '', terms)
    const outcome = payment.begin(this.worldOf(payment, turn, refusal))
    if (outcome.type !== 'refused') {
      this.payments.set(this.newId(turn, payment.id), payment)
      this.touchedPayments.add(payment)
    }
    return outcome
  }

  private transfer(
    turn: Turn,
    { legs }: { legs: readonly Leg[] },
    refusal: string | undefined,
  ): ModelOutcome {
    const { time, shard } = turn
    if (refusal !== undefined) {
      const transfer = new ModelTransfer('', legs, time, shard, this.world)
      return transfer.refusalAtOnce(refusal, time, this.world)
    }
    const { address, event } = beginningOf(turn)
    const id = this.newId(turn, keyOf(address))
    const transfer = new ModelTransfer(id, legs, time, shard, this.world)
    this.transfers.set(id, transfer)
    if (event === 'settledAtOnce') return transfer.beginAtOnce(time, this.world)
    return transfer.begin(time, this.world)
  }

  /** A step has ended: who asked for it gets this. */
  ended(id: string, outcome: ModelOutcome): void {
    if (outcome.type === 'later') return
    const waiting = this.waiting.get(id)
    if (waiting === undefined) throw new Error(`${id} ends a step nobody asked for`)
    this.waiting.delete(id)
    waiting.outcome = outcome
  }

  private expire(turn: Turn, timer: number): void {
    const address = this.timers.get(`${turn.shard} ${timer}`)
    if (address === undefined) throw new Error(`timer ${timer} fires, and nobody set it`)
    const payment = this.payment(keyOf(address))
    payment.timeIsOver(this.worldOf(payment, turn))
  }

  /** Commands without keys show in their events alone. */
  private administer(event: CommittedEvent): void {
    const account = this.account(event.address)
    const { event: name } = event
    const must = (holds: boolean): void => {
      if (!holds) throw new Error(`${event.address} is ${name} while ${account.status}`)
    }
    switch (name) {
      case 'opened': {
        must(account.status === 'none')
        const { currency, creditLimit } = event.data as { currency: string; creditLimit: number }
        Object.assign(account, { status: 'open', currency, creditLimit })
        return
      }
      case 'frozen':
      case 'unfrozen':
        must(account.status === (name === 'frozen' ? 'open' : 'frozen'))
        account.status = name === 'frozen' ? 'frozen' : 'open'
        return
      case 'closed':
        must(account.status === 'open' || account.status === 'frozen')
        must(account.creditsPosted === account.debitsPosted)
        must(account.debitsPending === 0 && account.creditsPending === 0)
        account.status = 'closed'
        return
      case 'limitsSet':
        must(account.status === 'open' || account.status === 'frozen')
        Object.assign(account, event.data)
        return
      default:
        throw new Error(`${event.address}: ${name} without a key`)
    }
  }

  /** @throws Error when there is none */
  payment(id: string): ModelPayment {
    const payment = this.payments.get(id)
    if (payment === undefined) throw new Error(`nobody knows the payment ${id}`)
    this.touchedPayments.add(payment)
    return payment
  }

  /** @param refusal that the turn remembers for its key */
  worldOf({ terms }: ModelPayment, turn: Turn, refusal?: string): PaymentWorld {
    const { payerAddress, payeeAddress } = terms
    const { shardOf } = this.options
    const apart = shardOf(payerAddress) !== shardOf(payeeAddress)
    const near = apart && (refusal !== undefined || turn.messages.some(isNear))
    return {
      payer: this.account(payerAddress),
      payee: this.account(payeeAddress),
      together: near || !apart,
      near,
      nearRefusal: refusal ?? '',
      now: turn.time,
    }
  }

  /** Notes an id: none is given twice, whatever it names. */
  private newId(turn: Turn, id: string): string {
    if (this.ids.has(id.slice(1))) {
      throw new Violation('applied-once', `${placeOf(turn)}: the id ${id} is given again.`)
    }
    this.ids.add(id.slice(1))
    return id
  }
}

interface PayInput {
  readonly payee: string
  readonly amount: number
  readonly currency: string
  readonly manual: boolean
  readonly expiresInMs: number
  readonly memo: string
}

function hasPassed(outcome: ModelOutcome): boolean {
  return outcome.type === 'refused' && passingRefusals.has(outcome.code)
}

/** What ends the request's waiting: its payment or transfer. */
function waitsFor(turn: Turn, { name, address }: OperationRequest): string {
  if (name === 'pay') return referenceIn(turn)
  return keyOf(name === 'transfer' ? beginningOf(turn).address : address)
}

/** The id a turn gave to what it began. */
function referenceIn(turn: Turn): string {
  const [first] = turn.events.filter(({ event }) => beginnings.has(event))
  const { reference } = (first?.data ?? {}) as { reference?: string }
  if (reference === undefined) throw new Error('nothing shows that it was done')
  return reference
}

const beginnings = new Set(['held', 'paid', 'deposited', 'withdrawn'])

/** The event that begins a transfer. */
function beginningOf(turn: Turn): CommittedEvent {
  const begun = turn.events.find(
    ({ kind, event }) => kind === 'transfer' && (event === 'begun' || event === 'settledAtOnce'),
  )
  if (begun === undefined) throw new Error('no transfer was begun')
  return begun
}
