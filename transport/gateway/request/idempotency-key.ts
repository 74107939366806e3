/**
 * The header `Idempotency-Key`: taken literally, quotes and all, as the caller wrote it.
 */
import type { FastifyRequest } from 'fastify'
import { gatewayLimits } from '../limits.js'
import { GatewayRefusal, invalidRequest } from '../problem/problem.js'

const printable = /^[\x20-\x7e]*$/

/** @throws GatewayRefusal idempotency_key_missing, invalid_request */
export function idempotencyKeyOf(request: FastifyRequest): string {
  const key = request.headers['idempotency-key']
  if (typeof key !== 'string' || key === '') {
    throw new GatewayRefusal(
      'idempotency_key_missing',
      'Requests that move money need the header Idempotency-Key; send the request with one.',
    )
  }
  if (key.length > gatewayLimits.idempotencyKeyCharactersMax || !printable.test(key)) {
    throw invalidRequest(
      `Idempotency-Key must be 1 to ${gatewayLimits.idempotencyKeyCharactersMax} printable ASCII characters.`,
    )
  }
  // Node joins repeated headers with a comma, so only a key with one can be two.
  if (key.includes(',') && isRepeated(request.raw.rawHeaders)) {
    throw invalidRequest('Idempotency-Key stands twice in the headers; send one.')
  }
  return key
}

function isRepeated(rawHeaders: readonly string[]): boolean {
  let found = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() === 'idempotency-key') found++
  }
  return found > 1
}
