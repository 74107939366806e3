/** The public face of the payment domain: `suanpan/payments`. */
import { createBank } from './client.js'
import { actors } from './module.js'

/** The payment domain: its actors for `createRuntime`, and the client for the runtime. */
export const payments = { actors, client: createBank } as const

export { transitOf } from './ledger/audit.js'
export { checkAccounts } from './ledger/account-check.js'
export { OnlineAuditor } from './ledger/online-auditor.js'
export { currencies, exponentOf, isCurrency } from './money/currency.js'
export { amountMax, formatAmount, isAmount } from './money/minor-units.js'
export { paymentCodes } from './refusals.js'
export { memoCharactersRefused, requestLimits } from './request-limits.js'

export type {
  AccountKind,
  AccountStatus,
  AccountView,
  AuditView,
  BalanceView,
  Bank,
  Capture,
  Cash,
  CashView,
  EntryView,
  HistoryView,
  Keyed,
  KeyedBank,
  Leg,
  Limits,
  OpenAccount,
  OpenMerchant,
  Pay,
  PaymentStatus,
  PaymentView,
  Refund,
  Reply,
  Transfer,
  TransferView,
  VoidPayment,
} from './bank.js'
export type { BankOptions } from './client.js'
export type { AccountsCheck } from './ledger/account-check.js'
export type { Alarm, AuditorTime, OnlineAuditorOptions } from './ledger/online-auditor.js'
export type { PaymentCode } from './refusals.js'
