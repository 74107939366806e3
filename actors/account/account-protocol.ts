/**
 * What other actors may ask of an account or merchant. Written by hand, so that kinds can address
 * each other without importing each other.
 */
import type { Address, Refusal } from '../../runtime/index.js'

/** One step of a payment, as the accounts on both sides are told. */
export interface PaymentStep {
  readonly payment: string
  /** Address of the party on the other side. */
  readonly other: Address
  readonly amount: number
  readonly currency: string
  /** Shard of the other side. */
  readonly peer: number
}

/** One step of a transfer's leg. */
export interface LegStep {
  readonly transfer: string
  readonly other: Address
  readonly amount: number
  readonly currency: string
}

/** One side of a leg of a transfer that is done at once, as the account on it sees it. */
export interface LegSide {
  /** Number of the leg. */
  readonly leg: number
  /** Whether the account pays, or is paid. */
  readonly pays: boolean
  readonly other: Address
  readonly amount: number
  /** Shard of the other side. */
  readonly peer: number
}

/** All sides of an account in a transfer, by leg. */
export interface AccountSides {
  readonly account: Address
  readonly sides: readonly LegSide[]
}

/** All sides of a transfer whose accounts live in one shard, told to the first of these accounts. */
export interface ShardSides {
  readonly transfer: string
  readonly currency: string
  /** Of all sides together: what the message carries. */
  readonly amount: number
  readonly accounts: readonly AccountSides[]
}

/** Why a side of a leg can't be done. */
export interface SideRefused {
  readonly leg: number
  readonly code: string
}

/** Money that moved: when, how much. What the other side posts. */
export type Moved = readonly [at: number, amount: number, currency: string]

// A type alias, not an interface: only an alias is assignable to `Protocol`'s index signature.
/** Commands of accounts and merchants for other actors. */
export type AccountProtocol = {
  /** Refusable: a payment's money arrives. */
  credit(input: PaymentStep): Moved | Refusal
  /** Refusable: a refund's money leaves. */
  debit(input: PaymentStep): Moved | Refusal
  /** A held amount is spent. */
  post(input: PaymentStep): void
  /** A held amount is free again. `day` is the day the hold counted on. */
  release(input: Returned): void
  /** A refund is on its way here; asked only after `refundRefusal` had nothing against it. */
  expectRefund(input: PaymentStep): void
  /** The expected refund does not come. */
  dropRefund(input: PaymentStep): void
  /** The expected refund is here. */
  creditRefund(input: PaymentStep): void

  /** Refusable. Answers the day the hold counts on. */
  transferHold(input: LegStep): number | Refusal
  transferRelease(input: LegReturned): void
  /** Refusable. After it, the credit can't be refused. */
  transferReserve(input: LegStep): true | Refusal
  transferUnreserve(input: LegStep): void
  /** Reserved money arrives; another shard's coordinator is told by a message of its own. */
  transferCredit(input: LegCrossing): Moved
  transferPost(input: LegCrossing): void

  /** Whether all sides of these accounts can be done now. @returns the first that can't */
  mayTransfer(input: ShardSides): SideRefused | null
  /** Does them, or none of them. @returns the first that can't be done */
  transferNow(input: ShardSides): SideRefused | null
}

/** A hold, or a part of it, given back. */
export interface Returned {
  readonly payment: string
  readonly other: Address
  readonly amount: number
  readonly day: number
}

/** A transfer leg's hold given back. */
export interface LegReturned extends LegStep {
  readonly day: number
}

/** A leg's money as it crosses between an account's shard and `peer`. */
export interface LegCrossing extends LegStep {
  readonly leg: number
  readonly peer: number
}
