/**
 * Convergence: when everything is healed and has had its time, nothing is in flight, every hold is
 * explained, every request has its answer, and what is served is what the model says.
 */
import type { AccountView, PaymentView } from '../../bank.js'
import { canonical } from '../canonical.js'
import { Violation } from '../committed.js'
import { isEnd, keyName } from '../history.js'
import type { Attempt } from '../kit.js'
import type { ReferenceModel } from '../reference/reference-model.js'

function fail(sentence: string): never {
  throw new Violation('convergence', sentence)
}

/** Nothing moves any more. @throws Violation */
export function checkQuiet(model: ReferenceModel, inFlight: readonly string[]): void {
  const [money] = inFlight
  if (money !== undefined) fail(`Money is still in flight: ${money}.`)
  const holds = new Map<string, number>()
  for (const { id, crossing, progress, terms, captured } of model.payments.values()) {
    if (crossing !== undefined) fail(`A ${crossing.type} of payment ${id} never ended.`)
    if (progress !== 'held') continue
    const { payerAddress, amount } = terms
    holds.set(payerAddress, (holds.get(payerAddress) ?? 0) + amount - captured)
  }
  for (const transfer of model.transfers.values()) {
    if (transfer.progress === 'preparing' || transfer.progress === 'crediting') {
      fail(`Transfer ${transfer.id} never ended.`)
    }
    if (transfer.unfinished > 0) fail(`Transfer ${transfer.id} left promises behind.`)
  }
  for (const [address, { debitsPending, creditsPending }] of model.accounts) {
    if (debitsPending !== (holds.get(address) ?? 0)) {
      fail(`${address} holds ${debitsPending}; its payments explain ${holds.get(address) ?? 0}.`)
    }
    if (creditsPending !== 0) fail(`${address} still expects ${creditsPending}.`)
  }
}

/**
 * Holds whose time was over well before the last thing their shard did are gone.
 * @param times by payment: shard time of its shard's last frame
 * @throws Violation
 */
export function checkExpired(model: ReferenceModel, timeOf: (payment: string) => number): void {
  for (const { id, progress, terms } of model.payments.values()) {
    const now = timeOf(id)
    if (progress !== 'held' || terms.expiresAt + expiryMsMax >= now) continue
    fail(`Payment ${id} is held at ${now}, though its time was over at ${terms.expiresAt}.`)
  }
}

/** A healed shard fires a timer this long after it was due, at most. */
const expiryMsMax = 5_000

/** Every request with a key has its answer by some attempt. @throws Violation */
export function checkAllAnswered(attempts: readonly Attempt[]): void {
  const unknown = new Set(attempts.map(({ request }) => keyName(request)))
  unknown.delete('')
  for (const { request, result } of attempts) if (isEnd(result)) unknown.delete(keyName(request))
  for (const key of unknown) fail(`${key} has no answer to the end.`)
}

/** What is served in the end is the model's. @throws Violation */
export function checkServed(
  model: ReferenceModel,
  accounts: readonly AccountView[],
  payments: readonly PaymentView[],
): void {
  for (const view of accounts) {
    const address = `${view.kind}/${view.id}`
    const { status, debitsPending, debitsPosted, creditsPending, creditsPosted } =
      model.account(address)
    const ours = canonical({ status, debitsPending, debitsPosted, creditsPending, creditsPosted })
    const served = canonical({
      status: view.status,
      debitsPending: view.debitsPending,
      debitsPosted: view.debitsPosted,
      creditsPending: view.creditsPending,
      creditsPosted: view.creditsPosted,
    })
    if (ours !== served) fail(`${address} is served as ${served}; the model says ${ours}.`)
  }
  for (const view of payments) {
    const ours = canonical(model.payment(view.id).view())
    if (ours !== canonical(view)) {
      fail(`Payment ${view.id} is served as ${canonical(view)}; the model says ${ours}.`)
    }
  }
}
