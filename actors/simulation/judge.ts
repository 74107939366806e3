/**
 * All payment oracles together. The first violation ends the judging: behind it the model and the
 * journal are two different banks, and everything else would only repeat it.
 */
import type { AccountView, PaymentView } from '../bank.js'
import { CausalOrder, placeOf, Violation, type Turn } from './committed.js'
import {
  shardOfHome,
  type CommittedFrame,
  type CommittedMessage,
  type EndView,
  type Oracle,
  type OracleFactory,
  type OracleScope,
} from './kit.js'
import { AccountLinearizability } from './oracles/account-linearizability.js'
import { checkAnswers } from './oracles/answers.js'
import { ConservationOracle } from './oracles/conservation.js'
import { checkAllAnswered, checkExpired, checkQuiet, checkServed } from './oracles/convergence.js'
import { checkOverdraft } from './oracles/overdraft.js'
import { checkPaymentProgress } from './oracles/payment-progress.js'
import { checkReads } from './oracles/reads.js'
import { ReferenceOracle } from './oracles/reference.js'
import { homeOf } from '../payment/derived-ids.js'
import { StepsInFlight } from './oracles/steps-in-flight.js'
import { ShadowBank } from './shadow-bank.js'

/** The payment oracles, for the kit. Sentences begin with the name of the rule. */
export const paymentOracles: OracleFactory = {
  name: 'payments',
  create: (scope) => new PaymentJudge(scope),
}

class PaymentJudge implements Oracle {
  readonly name = 'payments'
  private readonly scope: OracleScope
  private readonly shadow = new ShadowBank()
  private readonly conservation = new ConservationOracle()
  private readonly linearizability = new AccountLinearizability()
  private readonly steps = new StepsInFlight()
  private readonly reference: ReferenceOracle
  private readonly order: CausalOrder
  /** By shard: time of its last frame. */
  private readonly times = new Map<number, number>()
  private failed = false

  constructor(scope: OracleScope) {
    this.scope = scope
    this.reference = new ReferenceOracle(this.shadow, {
      // Accounts have no home but their own address.
      shardOf: (address) => shardOfHome(address, scope.shards),
      zoneOffsetMs: 0,
    })
    this.order = new CausalOrder((turn, message) => {
      this.turn(turn, message)
    })
  }

  committed(frame: CommittedFrame): void {
    this.times.set(frame.shard, frame.time)
    this.judge(() => {
      this.order.add(frame)
    })
  }

  finished(end: EndView): void {
    this.judge(() => {
      this.checkHistory(end)
    })
    this.judge(() => {
      this.checkConverged(end)
    })
    if (this.linearizability.undecided > 0) this.scope.sometimes('history too tangled to decide')
  }

  private judge(check: () => void): void {
    if (this.failed) return
    try {
      check()
    } catch (error) {
      this.failed = true
      const { message } = error as Error
      this.scope.violation(`${error instanceof Violation ? error.oracle : 'oracle'}: ${message}`)
    }
  }

  private turn(turn: Turn, message: CommittedMessage | undefined): void {
    const { model } = this.reference
    // Who waits for this turn has to be known before the turn ends the waiting.
    const cause = model.causeOf(turn, message)
    const changes = this.shadow.apply(turn)
    checkOverdraft(turn, changes)
    this.conservation.turn(turn, changes)
    this.reference.turn(turn, message, changes)
    const expires = turn.events.some(({ event }) => event === 'expired')
    this.linearizability.turn(changes, cause, expires)
    this.steps.turn(turn)
  }

  /** What holds whatever failed. */
  private checkHistory({ operations }: EndView): void {
    checkAnswers(operations, this.reference.model.answers)
    checkReads(operations, this.shadow, this.reference.paymentViews)
    checkPaymentProgress(operations)
    this.steps.check(operations)
    this.linearizability.check(operations)
  }

  /** What holds when everything was healed and had its time. */
  private checkConverged(end: EndView): void {
    const [orphan] = this.order.left
    if (orphan !== undefined) {
      throw new Violation('convergence', `${placeOf(orphan)} applied what nobody sent.`)
    }
    const { model } = this.reference
    checkAllAnswered(end.operations)
    checkQuiet(model, this.conservation.left())
    checkExpired(model, (payment) => this.times.get(homeOf(payment)) ?? 0)
    const accounts: AccountView[] = []
    const payments: PaymentView[] = []
    for (const address of end.addresses()) {
      if (/^(?:account|merchant)\//.test(address)) {
        accounts.push(end.query(address, 'view') as AccountView)
      } else if (address.startsWith('payment/')) {
        payments.push(end.query(address, 'view') as PaymentView)
      }
    }
    checkServed(model, accounts, payments)
  }
}
