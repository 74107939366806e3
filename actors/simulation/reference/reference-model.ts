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
import {
  eventOf,
  Violation,
  type CommittedEvent,
  type CommittedKey,
  type CommittedMessage,
  type CommittedTurn,
  type SentCommand,
} from '../committed.js'
import { modelDay, newAccount, whyNotCredit, whyNotDebit, whyNotSpend } from './model-account.js'
import type { ModelAccount } from './model-account.js'
import { ModelPayment, refusedWith, type ModelOutcome, type PaymentWorld } from './model-payment.js'
import { takeStep } from './model-steps.js'
import { ModelTransfer, type TransferWorld } from './model-transfer.js'

export interface ReferenceOptions {
  shardOf: (address: string) => number
  /** Of the zone of daily limits; constant. */
  readonly zoneOffsetMs: number
  /** The command whose key has these hashes. */
  commandOf: (hashes: readonly number[]) => SentCommand | undefined
}

/** What a request came to, as committed. */
export interface ModelAnswer {
  readonly command: SentCommand
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

  /** Replays one turn. @throws Violation */
  apply(turn: CommittedTurn, message: CommittedMessage | undefined): void {
    this.touched.clear()
    this.touchedPayments.clear()
    try {
      this.replay(turn, message)
    } catch (error) {
      if (error instanceof Violation) throw error
      const { message: sentence } = error as Error
      throw new Violation('reference-model', `${placeOf(turn)}: ${sentence}`)
    }
    for (const change of turn.timers) {
      if (change.type !== 'set') continue
      this.timers.set(`${turn.shard} ${change.timer.id}`, change.timer.address)
    }
  }

  private replay(turn: CommittedTurn, message: CommittedMessage | undefined): void {
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
  private keyed(turn: CommittedTurn, key: CommittedKey): void {
    const command = this.options.commandOf(key.hashes)
    if (command === undefined) throw new Error('a key is remembered that nobody sent')
    const outcome = this.run(turn, key, command)
    const said = key.refusal?.[0] ?? ''
    // A refused transfer is remembered by its number, like one that was done.
    const byNumber = command.command === 'transfer'
    const due = outcome.type === 'refused' && !byNumber ? outcome.code : ''
    if (said !== due) {
      throw new Error(
        `${command.key} (${command.command} at ${command.address}, ${JSON.stringify(command.input)}) ended ${said === '' ? 'well' : said}; the model says ${due === '' ? 'well' : due}`,
      )
    }
    const executions = this.answers.get(command.key) ?? []
    const last = executions.at(-1)?.outcome
    const passed = last?.type === 'refused' && passing.has(last.code)
    if (executions.length > 0 && !passed) {
      throw new Violation(
        'applied-once',
        `${placeOf(turn)}: ${command.key} (${command.command} at ${command.address}) takes effect again.`,
      )
    }
    const answer: ModelAnswer = { command, outcome: outcome.type === 'later' ? undefined : outcome }
    this.answers.set(command.key, [...executions, answer])
    if (outcome.type === 'later') this.waiting.set(this.waitsFor(turn, key, command), answer)
  }

  private waitsFor(
    turn: CommittedTurn,
    key: CommittedKey,
    { address, command }: SentCommand,
  ): string {
    if (command === 'pay') return idOf('p', turn, key)
    return command === 'transfer' ? idOf('t', turn, key) : keyOf(address)
  }

  private run(turn: CommittedTurn, key: CommittedKey, command: SentCommand): ModelOutcome {
    const { address, input } = command
    switch (command.command) {
      case 'deposit':
      case 'withdraw':
        return this.moveCash(turn, key, command)
      case 'pay':
        return this.pay(turn, key, address, input as PayInput)
      case 'transfer':
        return this.transfer(turn, key, input as { legs: readonly Leg[] })
      default:
        return this.changePayment(turn, command)
    }
  }

  private changePayment(
    turn: CommittedTurn,
    { address, command, input }: SentCommand,
  ): ModelOutcome {
    const payment = this.payment(keyOf(address))
    if (payment.crossing !== undefined) throw new Error(`${address}: ${command} did not wait`)
    const world = this.worldOf(payment, turn)
    if (command === 'capture') return payment.capture(input as { amount?: number }, world)
    if (command === 'refund') return payment.refund(input as { amount?: number }, world)
    if (command === 'void') return payment.void(world)
    throw new Error(`the model does not know the command ${command}`)
  }

  private moveCash(turn: CommittedTurn, key: CommittedKey, command: SentCommand): ModelOutcome {
    const { amount, currency } = command.input as { amount: number; currency: string }
    const account = this.account(command.address)
    const deposit = command.command === 'deposit'
    const why = deposit
      ? whyNotCredit(account, currency, 'account_not_found')
      : whyNotDebit(account, amount, currency, 'account_not_found')
    if (why !== '') return refusedWith(why)
    if (deposit) account.creditsPosted += amount
    else account.debitsPosted += amount
    const id = this.newId(deposit ? 'd' : 'w', turn, key)
    return {
      type: 'answer',
      value: { id, account: command.address, amount, currency, createdAt: turn.time },
    }
  }

  private pay(
    turn: CommittedTurn,
    key: CommittedKey,
    payerAddress: string,
    input: PayInput,
  ): ModelOutcome {
    const { amount, currency, payee: payeeAddress, manual, expiresInMs, memo } = input
    const day = modelDay(turn.time, this.options.zoneOffsetMs)
    const why = whyNotSpend(this.account(payerAddress), amount, currency, day)
    if (why !== '') return refusedWith(why)
    const createdAt = turn.time
    const expiresAt = manual ? createdAt + expiresInMs : 0
    const terms = { payerAddress, payeeAddress, amount, currency, memo, day, createdAt, expiresAt }
    const payment = new ModelPayment(key.refusal === undefined ? idOf('p', turn, key) : '', terms)
    const outcome = payment.begin(this.worldOf(payment, turn))
    if (outcome.type !== 'refused') {
      this.payments.set(this.newId('p', turn, key), payment)
      this.touchedPayments.add(payment)
    }
    return outcome
  }

  private transfer(
    turn: CommittedTurn,
    key: CommittedKey,
    { legs }: { legs: readonly Leg[] },
  ): ModelOutcome {
    const id = this.newId('t', turn, key)
    const transfer = new ModelTransfer(id, legs, turn.time, turn.shard, this.world)
    this.transfers.set(id, transfer)
    return transfer.begin(turn.time, this.world)
  }

  /** A step has ended: who asked for it gets this. */
  ended(id: string, outcome: ModelOutcome): void {
    if (outcome.type === 'later') return
    const waiting = this.waiting.get(id)
    if (waiting === undefined) throw new Error(`${id} ends a step nobody asked for`)
    this.waiting.delete(id)
    waiting.outcome = outcome
  }

  private expire(turn: CommittedTurn, timer: number): void {
    const address = this.timers.get(`${turn.shard} ${timer}`)
    if (address === undefined) throw new Error(`timer ${timer} fires, and nobody set it`)
    const payment = this.payment(keyOf(address))
    payment.timeIsOver(this.worldOf(payment, turn))
  }

  /** Commands without keys show in their events alone. */
  private administer(event: CommittedEvent): void {
    const account = this.account(event.address)
    const { event: name } = eventOf(event.tag, event.address)
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

  worldOf({ terms }: ModelPayment, turn: CommittedTurn): PaymentWorld {
    const { payerAddress, payeeAddress } = terms
    const { shardOf } = this.options
    return {
      payer: this.account(payerAddress),
      payee: this.account(payeeAddress),
      together: shardOf(payerAddress) === shardOf(payeeAddress),
      now: turn.time,
    }
  }

  private newId(letter: string, turn: CommittedTurn, key: CommittedKey): string {
    const id = idOf(letter, turn, key)
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

/** Refusals that bind nothing: the same request may be done later. */
const passing = new Set(['account_not_found', 'payee_not_found'])

function idOf(letter: string, { shard }: CommittedTurn, { note }: CommittedKey): string {
  return `${letter}${shard.toString(36)}-${note.toString(36)}`
}

function placeOf({ shard, ordinal }: CommittedTurn): string {
  return `shard ${shard}, ordinal ${ordinal}`
}
