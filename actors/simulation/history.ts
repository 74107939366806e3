/** What clients saw, read out of the attempts the kit has noted. */
import type { Attempt, OperationRequest, OperationResult } from './kit.js'

/** Names an idempotency key with its owner; '' without one: what two requests must not both bind. */
export function keyName({ address, name, key }: OperationRequest): string {
  return key === undefined ? '' : `${address} ${name} ${key}`
}

/** Refusals that bind nothing: the same request may be done later. */
export const passingRefusals: ReadonlySet<string> = new Set([
  'invalid_request',
  'not_found',
  'account_not_found',
  'payee_not_found',
])

/** True for an answer that will be the same for ever. */
export function isDefinite(result: OperationResult | undefined): boolean {
  if (result?.type === 'answered') return true
  return result?.type === 'refused' && !passingRefusals.has(result.code)
}

/** True for whatever ends a request: an answer, a refusal, a conflict with another request. */
export function isEnd(result: OperationResult | undefined): boolean {
  if (result?.type === 'answered' || result?.type === 'refused') return true
  return result?.type === 'fault' && result.code === 'idempotency_conflict'
}

/** Moment of the return, in virtual ms; Infinity while it runs. */
export function returnOf({ completedAt }: Attempt): number {
  return completedAt ?? Infinity
}
