/**
 * The face of the payment domain: what a payment service can ask for, and what it gets. All amounts
 * are integers in minor units, all times ms since 1970, all `payer` and `payee` full addresses
 * (`account/alice`, `merchant/starbucks`; on input a bare payer is an account, a bare payee a merchant).
 * Refusals reject with `Refused`, infrastructure trouble with `Fault` (see `runtime/errors.ts`).
 */

export type AccountKind = 'account' | 'merchant'
export type AccountStatus = 'open' | 'frozen' | 'closed'

/** An account or merchant with its four counters. */
export interface AccountView {
  readonly id: string
  readonly kind: AccountKind
  readonly currency: string
  readonly status: AccountStatus
  readonly creditLimit?: number
  readonly limits?: Limits
  readonly debitsPending: number
  readonly debitsPosted: number
  readonly creditsPending: number
  readonly creditsPosted: number
  /** creditsPosted − debitsPosted − debitsPending (+ creditLimit). */
  readonly available: number
  /** Number of changes so far. */
  readonly version: number
}

/** Spending limits of an account; absent means none. */
export interface Limits {
  readonly perPayment?: number
  /** Per calendar day of the configured zone. */
  readonly perDay?: number
}

/** Money that entered or left through `world`. */
export interface CashView {
  readonly id: string
  readonly account: string
  readonly amount: number
  readonly currency: string
  readonly createdAt: number
}

export type PaymentStatus =
  'held' | 'settled' | 'voided' | 'expired' | 'failed' | 'refunded' | 'partially_refunded'

export interface PaymentView {
  readonly id: string
  readonly status: PaymentStatus
  readonly payer: string
  readonly payee: string
  readonly amount: number
  readonly captured: number
  readonly refunded: number
  readonly currency: string
  readonly createdAt: number
  readonly settledAt?: number
  readonly expiresAt?: number
  readonly memo?: string
  /** Why a `failed` payment failed: the payee's code. */
  readonly failure?: string
}

export interface Leg {
  readonly payer: string
  readonly payee: string
  readonly amount: number
  readonly currency: string
}

export interface TransferView {
  readonly id: string
  readonly status: 'settled'
  readonly legs: readonly Leg[]
  readonly createdAt: number
  readonly settledAt: number
}

/** One change of an account's counters, with the counters after it. */
export interface EntryView {
  /** 1 for the account's first entry, dense. */
  readonly number: number
  readonly type: string
  readonly amount: number
  /** Payment, transfer, deposit or withdrawal that caused it. */
  readonly reference?: string
  /** The other party's address, where there is one. */
  readonly counterparty?: string
  readonly debitsPending: number
  readonly debitsPosted: number
  readonly creditsPending: number
  readonly creditsPosted: number
  readonly at: number
}

export interface HistoryView {
  readonly entries: readonly EntryView[]
  /** Pass as `before` for the next page; absent on the last one. */
  readonly next?: number
}

/** The counters as of a moment. */
export interface BalanceView {
  readonly id: string
  readonly kind: AccountKind
  readonly currency: string
  readonly debitsPending: number
  readonly debitsPosted: number
  readonly creditsPending: number
  readonly creditsPosted: number
  readonly available: number
  readonly at: number
}

export interface AuditView {
  readonly currencies: readonly {
    readonly currency: string
    /** Totals of all shards may be beyond the safe integers: then the nearest number. */
    readonly accounts: number
    readonly world: number
    readonly transit: number
    /** Reckoned exactly. */
    readonly sum: number
  }[]
  readonly inFlight: readonly {
    /** Shard the money comes from and shard it goes to. */
    readonly from: number
    readonly to: number
    readonly currency: string
    readonly amount: number
    readonly oldestMs: number
  }[]
  readonly conserved: boolean
  /** One sentence for each thing that is wrong; empty when conserved. */
  readonly findings: readonly string[]
  readonly checkedAt: number
}

/** A request that moves money carries its own name, so that it can be asked again. */
export interface Keyed {
  readonly idempotencyKey: string
}

/** An answer, and whether it is the remembered answer of an earlier request with the same key. */
export interface Reply<T> {
  readonly value: T
  readonly replayed: boolean
}

export interface OpenAccount {
  readonly id: string
  readonly currency: string
  readonly creditLimit?: number
}
export interface OpenMerchant {
  readonly id: string
  readonly currency: string
}
export interface Cash extends Keyed {
  readonly account: string
  readonly amount: number
  readonly currency: string
}
export interface Pay extends Keyed {
  readonly payer: string
  readonly payee: string
  readonly amount: number
  readonly currency: string
  /** @default 'automatic' */
  readonly capture?: 'automatic' | 'manual'
  /** Of a manual payment's hold; an automatic one settles at once, and has no use for it. @default 7 days */
  readonly expiresInSeconds?: number
  readonly memo?: string
}
export interface Capture extends Keyed {
  readonly payment: string
  /** @default the remainder */
  readonly amount?: number
  /** Releases what is left of the hold. @default false unless nothing is left */
  readonly final?: boolean
}
export interface VoidPayment extends Keyed {
  readonly payment: string
}
export interface Refund extends Keyed {
  readonly payment: string
  /** @default what is left to refund */
  readonly amount?: number
}
export interface Transfer extends Keyed {
  readonly legs: readonly Leg[]
}

/**
 * The typed client of the payment domain. Every method that takes a {@link Keyed} request has a
 * twin in `keyed` that also says whether the answer was a replayed one.
 */
export interface Bank {
  openAccount(request: OpenAccount): Promise<AccountView>
  openMerchant(request: OpenMerchant): Promise<AccountView>
  /** `address`: bare ids mean accounts. @throws Refused account_not_found */
  account(address: string): Promise<AccountView>
  /** @throws Refused account_not_found */
  merchant(id: string): Promise<AccountView>
  freeze(address: string): Promise<AccountView>
  unfreeze(address: string): Promise<AccountView>
  close(address: string): Promise<AccountView>
  setLimits(address: string, limits: Limits): Promise<AccountView>
  deposit(request: Cash): Promise<CashView>
  withdraw(request: Cash): Promise<CashView>
  pay(request: Pay): Promise<PaymentView>
  capture(request: Capture): Promise<PaymentView>
  voidPayment(request: VoidPayment): Promise<PaymentView>
  refund(request: Refund): Promise<PaymentView>
  /** @throws Refused not_found */
  payment(id: string): Promise<PaymentView>
  transfer(request: Transfer): Promise<TransferView>
  history(address: string, options?: { limit?: number; before?: number }): Promise<HistoryView>
  /** @param at ms since 1970; absent: now by the clock of its shard, with every entry there is */
  balanceAt(address: string, at?: number): Promise<BalanceView>
  audit(): Promise<AuditView>
  readonly keyed: KeyedBank
}

/** See {@link Bank}. */
export interface KeyedBank {
  deposit(request: Cash): Promise<Reply<CashView>>
  withdraw(request: Cash): Promise<Reply<CashView>>
  pay(request: Pay): Promise<Reply<PaymentView>>
  capture(request: Capture): Promise<Reply<PaymentView>>
  voidPayment(request: VoidPayment): Promise<Reply<PaymentView>>
  refund(request: Refund): Promise<Reply<PaymentView>>
  transfer(request: Transfer): Promise<Reply<TransferView>>
}
