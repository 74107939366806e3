/**
 * What other actors may ask of a payment. Written by hand, so that kinds can address each other
 * without importing each other.
 */
import { addressOf, type Address, type Outcome } from '../../runtime/index.js'
import type { Moved } from '../account/account-protocol.js'

/** A payment as its payer's account begins it. */
export interface OpenPayment {
  readonly payer: Address
  readonly payee: Address
  readonly amount: number
  readonly currency: string
  /** Calendar day on which it counts against the payer's limit, yyyymmdd. */
  readonly day: number
  readonly memo: string
}

// A type alias, not an interface: only an alias is assignable to `Protocol`'s index signature.
/** Commands of payments for other actors. */
export type PaymentProtocol = {
  /** Automatic, payee in another shard: the capture of all of it starts at once. */
  openAutomatic(input: OpenPayment): void
  /** Automatic, payee in this shard: both accounts have moved already. */
  openSettled(input: OpenPayment): void
  /** Manual: held until captured, voided or expired. */
  openHeld(input: OpenPayment & { readonly expiresInMs: number }): void
  /** The payee's answer to a capture. */
  credited(input: { outcome: Outcome<Moved> }): void
  /** The payee's answer to a refund. */
  debited(input: { outcome: Outcome<Moved> }): void
}

export function paymentAddress(id: string): Address<PaymentProtocol> {
  return addressOf<PaymentProtocol>('payment', id)
}
