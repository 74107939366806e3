/**
 * What commands that move money have in common: amounts as people write them, addresses as paths, an
 * idempotency key that is shown before the request leaves.
 *
 * M1. Digits alone are minor units. A decimal point makes it major units, with exactly the digits the
 *     currency has: `35.00 CNY` is 3500, `35.0 CNY` is wrong usage. Nothing is ever rounded.
 */
import { randomUUID } from 'node:crypto'
import {
  amountMax,
  exponentOf,
  isAmount,
  isCurrency,
  requestLimits,
} from '../../../actors/index.js'
import type { Output } from '../output.js'
import { wrongUsage } from '../problem.js'

const keyCharactersMax = requestLimits.idempotencyKeyCharactersMax

export interface Money {
  /** Minor units. */
  readonly amount: number
  readonly currency: string
}

/** @throws CommandFailed usage */
export function moneyOf(amount: string, currency: string): Money {
  checkCurrency(currency)
  return { amount: amountOf(amount, currency), currency }
}

/** @throws CommandFailed usage */
export function checkCurrency(currency: string): void {
  if (isCurrency(currency)) return
  throw wrongUsage(`"${String(currency)}" is no currency; give a code of ISO 4217 such as CNY.`)
}

/** @throws CommandFailed usage */
export function amountOf(text: string, currency: string): number {
  const exponent = exponentOf(currency) ?? 0
  const match = /^(\d{1,16})(?:\.(\d+))?$/.exec(text)
  const [, whole = '', fraction] = match ?? []
  if (match !== null && fraction !== undefined && fraction.length !== exponent) {
    throw wrongUsage(
      exponent === 0
        ? `${currency} has no decimal digits; write the amount without a point.`
        : `${currency} has ${exponent} decimal digits; write 12.${'34567'.slice(0, exponent)}, or minor units without a point.`,
    )
  }
  const amount = match === null ? Number.NaN : Number(`${whole}${fraction ?? ''}`)
  if (isAmount(amount)) return amount
  throw wrongUsage(
    `"${text}" is no amount; give whole minor units from 1 to ${amountMax}, or major units such as 35.00.`,
  )
}

/**
 * An amount whose currency the node knows; it is asked only where the amount has a point (M1).
 * @throws CommandFailed usage, and whatever asking throws
 */
export async function amountIn(text: string, currency: () => Promise<string>): Promise<number> {
  return amountOf(text, /^\d+\.\d+$/.test(text) ? await currency() : '')
}

/** The path of an account or merchant: a bare id is an account. */
export function partyPath(address: string): string {
  const [kind, id] = partyOf(address)
  return `/v1/${kind}s/${encodeURIComponent(id)}`
}

/** An account or merchant: a bare id is an account. @throws CommandFailed usage */
export function partyOf(address: string): readonly [kind: 'account' | 'merchant', id: string] {
  const slash = address.indexOf('/')
  const kind = slash < 0 ? 'account' : address.slice(0, slash)
  const id = address.slice(slash + 1)
  if ((kind === 'account' || kind === 'merchant') && id !== '') return [kind, id]
  throw wrongUsage(`"${address}" is no address; write alice, account/alice or merchant/starbucks.`)
}

/** The key that was given, or a new one that is shown at once: with it the request can be asked again. */
export function keyFor(given: string | undefined, output: Output): string {
  if (given !== undefined) {
    if (/^[\x20-\x7e]+$/.test(given) && given.length <= keyCharactersMax) return given
    throw wrongUsage(`An idempotency key has 1 to ${keyCharactersMax} printable ASCII characters.`)
  }
  const key = `cli-${randomUUID()}`
  output.note(`idempotency key: ${key}`)
  return key
}
