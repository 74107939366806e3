/**
 * Reads against the journal: every view a client got is one the committed turns really led to, was
 * durable when it was shown, and was not yet replaced when it was asked for. What a crash afterwards
 * would have taken back shows here, crash or not; so does an owner that was succeeded unawares.
 */
import type { AccountView, BalanceView, PaymentView } from '../../bank.js'
import { canonical } from '../canonical.js'
import { Violation } from '../committed.js'
import { returnOf } from '../history.js'
import type { Attempt } from '../kit.js'
import type { ShadowBank } from '../shadow-bank.js'

/** @throws Violation */
export function checkReads(
  attempts: readonly Attempt[],
  shadow: ShadowBank,
  paymentViews: ReadonlyMap<string, ReadonlySet<string>>,
): void {
  for (const attempt of attempts) {
    const { request, result } = attempt
    if (result?.type !== 'answered') continue
    const { type, address, name } = request
    const { value } = result
    if (address.startsWith('payment/')) {
      if (type === 'query') checkPayment(value as PaymentView, paymentViews)
    } else if (name === 'view' || administrative.has(name)) {
      checkAccount(address, value as AccountView, shadow)
      const { version } = value as AccountView
      checkDurable(address, version, returnOf(attempt), shadow)
      if (type === 'query') checkCurrent(address, version, attempt.invokedAt, shadow)
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

/** Nobody sees what is not certain to survive. */
function checkDurable(address: string, version: number, seenAt: number, shadow: ShadowBank): void {
  const durableAt = shadow.durableAt(address, version)
  if (durableAt <= seenAt) return
  throw new Violation(
    'reads',
    `Version ${version} of ${address} was shown at ${seenAt} ms; it was durable at ${durableAt} ms.`,
  )
}

/** Nobody is told what was over before they asked. */
function checkCurrent(address: string, version: number, askedAt: number, shadow: ShadowBank): void {
  const replacedAt = shadow.replacedAt(address, version)
  if (replacedAt >= askedAt) return
  throw new Violation(
    'current-reads',
    `Version ${version} of ${address} was shown to who asked at ${askedAt} ms; it was replaced at ${replacedAt} ms.`,
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
