/** Answers of a node in words. Amounts are shown in major units with their currency. */
import { formatAmount, type AccountView, type AuditView } from '../../../actors/index.js'
import { count, pairsTable, rowsTable } from '../output.js'

/** A payment as a node sends it: times are ISO 8601. */
export interface PaymentJson {
  readonly id: string
  readonly status: string
  readonly payer: string
  readonly payee: string
  readonly amount: number
  readonly captured: number
  readonly refunded: number
  readonly currency: string
  readonly createdAt: string
  readonly settledAt?: string
  readonly expiresAt?: string
  readonly memo?: string
  readonly failure?: string
}

export interface CashJson {
  readonly id: string
  readonly account: string
  readonly amount: number
  readonly currency: string
  readonly createdAt: string
}

export interface TransferJson {
  readonly id: string
  readonly status: string
  readonly legs: readonly {
    readonly payer: string
    readonly payee: string
    readonly amount: number
    readonly currency: string
  }[]
}

export interface EntryJson {
  readonly number: number
  readonly type: string
  readonly amount: number
  readonly reference?: string
  readonly counterparty?: string
  readonly creditsPosted: number
  readonly debitsPosted: number
  readonly debitsPending: number
  readonly at: string
}

export interface BalanceJson {
  readonly id: string
  readonly currency: string
  readonly debitsPending: number
  readonly debitsPosted: number
  readonly creditsPending: number
  readonly creditsPosted: number
  readonly available: number
  readonly at: string
}

export function accountWords(account: AccountView): string {
  const { currency, limits } = account
  const money = (amount: number): string => formatAmount(amount, currency)
  const rows: [string, string][] = [
    ['status', account.status],
    ['available', money(account.available)],
    ['credits', `${money(account.creditsPosted)} posted, ${money(account.creditsPending)} pending`],
    ['debits', `${money(account.debitsPosted)} posted, ${money(account.debitsPending)} pending`],
  ]
  if (account.creditLimit !== undefined) rows.push(['credit limit', money(account.creditLimit)])
  if (limits?.perPayment !== undefined) rows.push(['per payment', money(limits.perPayment)])
  if (limits?.perDay !== undefined) rows.push(['per day', money(limits.perDay)])
  return `${account.kind}/${account.id}\n${pairsTable(rows)}`
}

export function paymentWords(payment: PaymentJson): string {
  const money = (amount: number): string => formatAmount(amount, payment.currency)
  const rows: [string, string][] = [
    ['status', payment.status],
    ['from', payment.payer],
    ['to', payment.payee],
    ['amount', money(payment.amount)],
    ['captured', money(payment.captured)],
  ]
  if (payment.refunded > 0) rows.push(['refunded', money(payment.refunded)])
  if (payment.memo !== undefined) rows.push(['memo', payment.memo])
  if (payment.failure !== undefined) rows.push(['failure', payment.failure])
  rows.push(['created', payment.createdAt])
  if (payment.settledAt !== undefined) rows.push(['settled', payment.settledAt])
  if (payment.expiresAt !== undefined) rows.push(['expires', payment.expiresAt])
  return `payment ${payment.id}\n${pairsTable(rows)}`
}

export function cashWords(verb: string, { id, account, amount, currency }: CashJson): string {
  return `${verb} ${id}: ${formatAmount(amount, currency)}, ${account}`
}

export function transferWords({ id, status, legs }: TransferJson): string {
  const rows = legs.map(({ payer, payee, amount, currency }) => [
    payer,
    payee,
    formatAmount(amount, currency),
  ])
  return `transfer ${id}: ${status}\n${rowsTable(['from', 'to', 'amount'], rows)}`
}

export function historyWords(entries: readonly EntryJson[], next: number | undefined): string {
  if (entries.length === 0) return '  no entries'
  const rows = entries.map((entry) => [
    String(entry.number),
    entry.at,
    entry.type,
    count(entry.amount),
    entry.counterparty ?? '',
    entry.reference ?? '',
  ])
  const table = rowsTable(['no', 'at', 'type', 'minor units', 'with', 'reference'], rows)
  return next === undefined ? table : `${table}\n  more: --before ${next}`
}

export function balanceWords(balance: BalanceJson): string {
  const money = (amount: number): string => formatAmount(amount, balance.currency)
  return `${balance.id} at ${balance.at}\n${pairsTable([
    ['available', money(balance.available)],
    ['credits', `${money(balance.creditsPosted)} posted, ${money(balance.creditsPending)} pending`],
    ['debits', `${money(balance.debitsPosted)} posted, ${money(balance.debitsPending)} pending`],
  ])}`
}

/** Money conserved, per currency. */
export function auditRows(
  audit: Pick<AuditView, 'currencies' | 'conserved' | 'findings'>,
): (readonly [string, string])[] {
  return [
    ['money', audit.conserved ? 'conserved' : `NOT CONSERVED: ${audit.findings.join(' ')}`],
    ...audit.currencies.map(
      ({ currency, accounts, sum }) =>
        [currency, `${formatAmount(accounts, currency)} in accounts, sum ${count(sum)}`] as const,
    ),
  ]
}
