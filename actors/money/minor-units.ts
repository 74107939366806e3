/**
 * Amounts: positive safe integers in minor units, and the only places where they are added.
 *
 * U1. No amount, counter or sum of counters leaves the safe integers; an addition that would is
 *     seen before it is made.
 */
import { exponentOf } from './currency.js'

/** Largest amount and largest counter: 2^53 − 1. */
export const amountMax = Number.MAX_SAFE_INTEGER

/** @returns true for an amount that can be moved */
export function isAmount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}

/** True when the counter can take the amount; both are safe integers of at least 0. */
export function fits(counter: number, amount: number): boolean {
  return counter <= amountMax - amount
}

/** True when two counters together can take the amount. */
export function fitsBoth(first: number, second: number, amount: number): boolean {
  return fits(first, amount) && fits(second, first + amount)
}

/** An amount for people: `formatAmount(3500, 'CNY')` is `35.00 CNY`. */
export function formatAmount(amount: number, currency: string): string {
  const exponent = exponentOf(currency) ?? 0
  const digits = Math.abs(amount)
    .toString()
    .padStart(exponent + 1, '0')
  const sign = amount < 0 ? '-' : ''
  if (exponent === 0) return `${sign}${digits} ${currency}`
  return `${sign}${digits.slice(0, -exponent)}.${digits.slice(-exponent)} ${currency}`
}
