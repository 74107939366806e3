/**
 * A payment only moves on: who saw it settled never reads it held later, and what was captured or
 * refunded never gets less.
 */
import { Violation } from '../committed.js'
import { returnOf } from '../history.js'
import type { Attempt } from '../kit.js'

interface Seen {
  readonly id: string
  readonly status: string
  readonly captured: number
  readonly refunded: number
}

/** @throws Violation */
export function checkPaymentProgress(calls: readonly Attempt[]): void {
  const returns = calls.filter(isCurrentView).sort((a, b) => returnOf(a) - returnOf(b))
  const queries = returns
    .filter(({ request }) => request.type === 'query')
    .sort((a, b) => a.invokedAt - b.invokedAt)
  // What was known when a query was called, in one pass over both orders.
  const known = new Map<string, Seen>()
  let next = 0
  for (const query of queries) {
    for (; next < returns.length && returnOf(returns[next]!) < query.invokedAt; next++) {
      learn(known, seenIn(returns[next]!))
    }
    const now = seenIn(query)
    const before = known.get(now.id)
    if (before === undefined) continue
    const wentBack = isEnded(before) && !isEnded(now)
    if (wentBack || now.captured < before.captured || now.refunded < before.refunded) {
      throw new Violation(
        'settled-stays',
        `Payment ${now.id} was seen ${textOf(before)} and read ${textOf(now)} later.`,
      )
    }
  }
}

/** Answers about a payment as it is or was: values of the payment's commands and queries. */
function isCurrentView({ request: { name, address }, result }: Attempt): boolean {
  if (result?.type !== 'answered') return false
  return name === 'pay' || address.startsWith('payment/')
}

function seenIn({ result }: Attempt): Seen {
  return (result as { value: Seen }).value
}

function learn(known: Map<string, Seen>, seen: Seen): void {
  const before = known.get(seen.id)
  if (before === undefined) known.set(seen.id, seen)
  else {
    known.set(seen.id, {
      id: seen.id,
      status: isEnded(before) ? before.status : seen.status,
      captured: Math.max(before.captured, seen.captured),
      refunded: Math.max(before.refunded, seen.refunded),
    })
  }
}

function isEnded({ status }: Seen): boolean {
  return status !== 'held'
}

function textOf({ status, captured, refunded }: Seen): string {
  return `${status}, captured ${captured}, refunded ${refunded}`
}
