/** From the bank's views to JSON: times become ISO 8601; shapes stay fixed, so that writing is fast. */
import type {
  AuditView,
  BalanceView,
  CashView,
  EntryView,
  HistoryView,
  PaymentView,
  TransferView,
} from '../../../actors/index.js'
import { isoTime } from '../request/moment.js'

function optionalTime(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : isoTime(ms)
}

export function paymentJson(view: PaymentView) {
  return {
    id: view.id,
    status: view.status,
    payer: view.payer,
    payee: view.payee,
    amount: view.amount,
    captured: view.captured,
    refunded: view.refunded,
    currency: view.currency,
    createdAt: isoTime(view.createdAt),
    settledAt: optionalTime(view.settledAt),
    expiresAt: optionalTime(view.expiresAt),
    memo: view.memo,
    failure: view.failure,
  }
}

export function cashJson(view: CashView) {
  return { ...view, createdAt: isoTime(view.createdAt) }
}

export function transferJson(view: TransferView) {
  return { ...view, createdAt: isoTime(view.createdAt), settledAt: isoTime(view.settledAt) }
}

export function historyJson(view: HistoryView) {
  return { entries: view.entries.map(entryJson), next: view.next }
}

function entryJson(entry: EntryView) {
  return { ...entry, at: isoTime(entry.at) }
}

export function balanceJson(view: BalanceView) {
  return { ...view, at: isoTime(view.at) }
}

export function auditJson(view: AuditView) {
  return { ...view, checkedAt: isoTime(view.checkedAt) }
}
