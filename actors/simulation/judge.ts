/**
 * All payment oracles together: fed with committed turns while they become durable, and with what
 * clients saw when everything is over.
 */
import type { AccountView, PaymentView } from '../bank.js'
import {
  CausalOrder,
  Violation,
  type CommittedMessage,
  type CommittedTurn,
  type SentCommand,
} from './committed.js'
import type { Call } from './history.js'
import { AccountLinearizability } from './oracles/account-linearizability.js'
import { checkAnswers } from './oracles/answers.js'
import { ConservationOracle } from './oracles/conservation.js'
import { checkAllAnswered, checkExpired, checkQuiet, checkServed } from './oracles/convergence.js'
import { checkOverdraft } from './oracles/overdraft.js'
import { checkPaymentProgress } from './oracles/payment-progress.js'
import { checkReads } from './oracles/reads.js'
import { ReferenceOracle } from './oracles/reference.js'
import { ShadowBank } from './shadow-bank.js'

export interface JudgeOptions {
  readonly shardOf: (address: string) => number
  /** Of the zone of daily limits; constant. @default 0 */
  readonly zoneOffsetMs?: number
  readonly commandOf: (hashes: readonly number[]) => SentCommand | undefined
}

/** What the bank serves when everything is over. */
export interface Served {
  readonly accounts: readonly AccountView[]
  readonly payments: readonly PaymentView[]
  /** Shard time, ms since 1970, up to which timers must have fired. */
  readonly firedUntil: number
}

export class PaymentJudge {
  readonly reference: ReferenceOracle
  readonly linearizability = new AccountLinearizability()
  private readonly shadow = new ShadowBank()
  private readonly conservation = new ConservationOracle()
  private readonly order: CausalOrder

  constructor(options: JudgeOptions) {
    this.reference = new ReferenceOracle(this.shadow, {
      shardOf: options.shardOf,
      zoneOffsetMs: options.zoneOffsetMs ?? 0,
      commandOf: options.commandOf,
    })
    this.order = new CausalOrder((turn, message) => {
      this.turn(turn, message)
    })
  }

  /** Takes the next durable turn of a shard. @throws Violation */
  committed(turn: CommittedTurn): void {
    this.order.add(turn)
  }

  /** What holds at any moment, whatever failed. @throws Violation */
  checkHistory(calls: readonly Call[]): void {
    checkAnswers(calls, this.reference.model.answers)
    checkReads(calls, this.shadow, this.reference.paymentViews)
    checkPaymentProgress(calls)
    this.linearizability.check(calls)
  }

  /** What holds when everything was healed and had its time. @throws Violation */
  checkConverged(calls: readonly Call[], served: Served): void {
    const [orphan] = this.order.left
    if (orphan !== undefined) {
      throw new Violation(
        'convergence',
        `Shard ${orphan.shard}, ordinal ${orphan.ordinal} applied a message that nobody sent.`,
      )
    }
    const { model } = this.reference
    checkAllAnswered(calls)
    checkQuiet(model, this.conservation.left())
    checkExpired(model, served.firedUntil)
    checkServed(model, served.accounts, served.payments)
  }

  private turn(turn: CommittedTurn, message: CommittedMessage | undefined): void {
    const [setAside] = turn.quarantine
    if (setAside !== undefined) {
      throw new Violation(
        'nodes-live',
        `Shard ${turn.shard}, ordinal ${turn.ordinal}: ${setAside.address} is quarantined.`,
      )
    }
    const changes = this.shadow.apply(turn)
    checkOverdraft(turn, changes)
    this.conservation.turn(turn, changes)
    this.reference.turn(turn, message, changes)
    this.linearizability.turn(turn, changes)
  }
}
