/**
 * Assertions that stay on in production. Messages are constant strings: nothing is built unless
 * one fails, and a failed one is a bug of ours, so the shard stops for good.
 */
import { InvariantViolated } from './errors.js'

/** @throws InvariantViolated when the rule does not hold */
export function assert(rule: boolean, message: string): asserts rule {
  if (!rule) throw new InvariantViolated(message)
}

/** Marks a case the types exclude. @throws InvariantViolated always */
export function assertNever(value: never): never {
  throw new InvariantViolated(`unexpected value ${String(value)}`)
}
