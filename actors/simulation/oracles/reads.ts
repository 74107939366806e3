/**
 * Reads against the journal: every view a client got is one the committed turns really led to. A read
 * of something that was lost in a crash afterwards shows here.
 */
import type { AccountView, BalanceView, PaymentView } from '../../bank.js'
import { canonical } from '../canonical.js'
import { Violation } from '../committed.js'
import type { Attempt } from '../kit.js'
import type { ShadowBank } from '../shadow-bank.js'

/** @throws Violation */
export function checkReads(
  attempts: readonly Attempt[],
  shadow: ShadowBank,
  paymentViews: ReadonlyMap<string, ReadonlySet<string>>,
): void {
  for (const { request, result } of attempts) {
    if (result?.type !== 'answered') continue
    const { type, address, name } = request
    const { value } = result
    if (address.startsWith('payment/')) {
      if (type === 'query') checkPayment(value as PaymentView, paymentViews)
    } else if (name === 'view' || administrative.has(name)) {
      checkAccount(address, value as AccountView, shadow)
    } else if (name === 'balanceAt') {
      checkBalance(address, value as BalanceView, shadow)
    } else if (name === 'recount' && value !== '') {
      throw new Violation('reads', String(value))
    }
  }
}

/** Commands that answer the account. */
const administrative = new Set(['open', 'freeze', 'unfreeze', 'close', 'setLimits'])

const counters = ['debitsPending', 'debitsPosted', 'creditsPending', 'creditsPosted'] as const

function checkAccount(address: string, view: AccountView, shadow: ShadowBank): void {
  const state = shadow.versionsOf(address)[view.version]
  const same =
    state !== undefined &&
    state.status === view.status &&
    counters.every((counter) => state[counter] === view[counter]) &&
    state.perPayment === (view.limits?.perPayment ?? 0) &&
    state.perDay === (view.limits?.perDay ?? 0) &&
    state.currency === view.currency &&
    view.available ===
      view.creditsPosted - view.debitsPosted - view.debitsPending + (view.creditLimit ?? 0)
  if (same) return
  throw new Violation(
    'reads',
    `${address} was read as ${canonical(view)}; committed version ${view.version} is ${canonical(state)}.`,
  )
}

function checkBalance(address: string, view: BalanceView, shadow: ShadowBank): void {
  const found = shadow
    .versionsOf(address)
    .some((state) => counters.every((counter) => state[counter] === view[counter]))
  if (found) return
  throw new Violation('reads', `${address} never had the balance ${canonical(view)}.`)
}

function checkPayment(
  view: PaymentView,
  paymentViews: ReadonlyMap<string, ReadonlySet<string>>,
): void {
  if (paymentViews.get(view.id)?.has(canonical(view)) === true) return
  throw new Violation('reads', `A payment was read as ${canonical(view)}; it never was that.`)
}
