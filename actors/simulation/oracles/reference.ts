/**
 * The reference model beside the journal: after every committed turn the accounts and payments it
 * touched are what the model says.
 */
import type { AccountState } from '../../account/account-state.js'
import type { PaymentState } from '../../payment/payment-state.js'
import { canonical } from '../canonical.js'
import { placeOf, Violation, type Turn } from '../committed.js'
import type { CommittedMessage } from '../kit.js'
import { ReferenceModel, type ReferenceOptions } from '../reference/reference-model.js'
import type { ModelAccount } from '../reference/model-account.js'
import type { AccountChange, ShadowBank } from '../shadow-bank.js'

const fields = [
  'currency',
  'creditLimit',
  'perPayment',
  'perDay',
  'debitsPending',
  'debitsPosted',
  'creditsPending',
  'creditsPosted',
] as const satisfies readonly (keyof AccountState & keyof ModelAccount)[]

export class ReferenceOracle {
  readonly model: ReferenceModel
  /** By payment: each view it ever had, as canonical text. */
  readonly paymentViews = new Map<string, Set<string>>()
  private readonly shadow: ShadowBank

  constructor(shadow: ShadowBank, options: ReferenceOptions) {
    this.shadow = shadow
    this.model = new ReferenceModel(options)
  }

  /** @throws Violation */
  turn(turn: Turn, message: CommittedMessage | undefined, changes: readonly AccountChange[]): void {
    const { model } = this
    model.apply(turn, message)
    for (const { address } of changes) model.touched.add(address)
    for (const address of model.touched) this.compareAccount(turn, address)
    for (const payment of model.touchedPayments) {
      const finding = payment.findings()
      if (finding !== '') throw new Violation('payment-bounds', `${placeOf(turn)}: ${finding}.`)
      this.comparePayment(turn, payment.id)
      const views = this.paymentViews.get(payment.id) ?? new Set<string>()
      views.add(canonical(payment.view()))
      this.paymentViews.set(payment.id, views)
    }
  }

  private compareAccount(turn: Turn, address: string): void {
    const ours = this.shadow.state<AccountState>(address)
    const theirs = this.model.account(address)
    if (ours === undefined && theirs.status === 'none') return
    const said = ours?.status === '' ? 'none' : ours?.status
    if (said !== theirs.status) {
      throw differs(turn, address, 'status', said, theirs.status)
    }
    for (const field of fields) {
      if (ours?.[field] !== theirs[field]) {
        throw differs(turn, address, field, ours?.[field], theirs[field])
      }
    }
    // Only the newest day is kept by the account.
    const spent = theirs.spent.get(ours?.day ?? 0) ?? 0
    if (ours !== undefined && ours.day !== 0 && ours.spentOnDay !== spent) {
      throw differs(turn, address, `spent on ${ours.day}`, ours.spentOnDay, spent)
    }
  }

  private comparePayment(turn: Turn, id: string): void {
    const ours = this.shadow.state<PaymentState>(`payment/${id}`)
    const theirs = this.model.payment(id)
    for (const field of ['progress', 'captured', 'refunded'] as const) {
      if (ours?.[field] === theirs[field]) continue
      throw differs(turn, `payment/${id}`, field, ours?.[field], theirs[field])
    }
  }
}

function differs(
  turn: Turn,
  address: string,
  what: string,
  ours: unknown,
  theirs: unknown,
): Violation {
  return new Violation(
    'reference-model',
    `${placeOf(turn)}: ${address} has ${what} ${String(ours)}; the model says ${String(theirs)}.`,
  )
}
