/**
 * What accounts may ask of a transfer's coordinator. Written by hand, so that kinds can address each
 * other without importing each other.
 */
import { addressOf, type Address } from '../../runtime/index.js'
import type { Moved } from '../account/account-protocol.js'
import type { Leg } from '../bank.js'

// A type alias, not an interface: only an alias is assignable to `Protocol`'s index signature.
/** Commands of transfers for accounts. */
export type TransferProtocol = {
  /** @returns true when the transfer has ended within the turn */
  begin(input: { legs: readonly Leg[] }): boolean
  /** Keeps the record of one that was done at once. */
  recordSettled(input: { legs: readonly Leg[] }): void
  /** The money of a leg has arrived at a payee in another shard. */
  legCredited(input: { leg: number; moved: Moved }): void
}

export function transferAddress(id: string): Address<TransferProtocol> {
  return addressOf<TransferProtocol>('transfer', id)
}
