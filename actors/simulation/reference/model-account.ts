/**
 * Accounts of the reference model: written from the rules of the domain alone, as plainly as
 * possible, and sharing no code with the accounts it judges.
 */

/** One account or merchant. Amounts in minor units. */
export interface ModelAccount {
  status: 'none' | 'open' | 'frozen' | 'closed'
  currency: string
  creditLimit: number
  /** 0 means none, here and in `perDay`. */
  perPayment: number
  perDay: number
  debitsPending: number
  debitsPosted: number
  creditsPending: number
  creditsPosted: number
  /** What counts against the limit of a day, by day. */
  readonly spent: Map<number, number>
}

export function newAccount(): ModelAccount {
  return {
    status: 'none',
    currency: '',
    creditLimit: 0,
    perPayment: 0,
    perDay: 0,
    debitsPending: 0,
    debitsPosted: 0,
    creditsPending: 0,
    creditsPosted: 0,
    spent: new Map(),
  }
}

export function availableIn(account: ModelAccount): number {
  const { creditsPosted, debitsPosted, debitsPending, creditLimit } = account
  return creditsPosted - debitsPosted - debitsPending + creditLimit
}

/** Why an account takes no part in new business; '' when it does. */
function standing(account: ModelAccount, currency: string, unknown: string): string {
  if (account.status === 'none') return unknown
  if (account.status === 'closed') return 'account_closed'
  if (account.status === 'frozen') return 'account_frozen'
  return account.currency === currency ? '' : 'currency_mismatch'
}

/** Why this can't be spent on this day; '' when it can. */
export function whyNotSpend(
  account: ModelAccount,
  amount: number,
  currency: string,
  day: number,
): string {
  const why = standing(account, currency, 'account_not_found')
  if (why !== '') return why
  const { perPayment, perDay, spent } = account
  if (perPayment > 0 && amount > perPayment) return 'limit_exceeded'
  if (perDay > 0 && (spent.get(day) ?? 0) + amount > perDay) return 'limit_exceeded'
  return availableIn(account) < amount ? 'insufficient_funds' : ''
}

/** Why this can't be withdrawn, or taken back by a refund; '' when it can. */
export function whyNotDebit(
  account: ModelAccount,
  amount: number,
  currency: string,
  unknown: string,
): string {
  const why = standing(account, currency, unknown)
  if (why !== '') return why
  return availableIn(account) < amount ? 'insufficient_funds' : ''
}

/** Why new money can't come in; '' when it can. */
export function whyNotCredit(account: ModelAccount, currency: string, unknown: string): string {
  return standing(account, currency, unknown)
}

export function hold(account: ModelAccount, amount: number, day: number): void {
  account.debitsPending += amount
  count(account, amount, day)
}

/** Counts against the limit of a day, without a hold. */
export function count(account: ModelAccount, amount: number, day: number): void {
  account.spent.set(day, (account.spent.get(day) ?? 0) + amount)
}

export function release(account: ModelAccount, amount: number, day: number): void {
  account.debitsPending -= amount
  account.spent.set(day, Math.max(0, (account.spent.get(day) ?? 0) - amount))
}

export function post(account: ModelAccount, amount: number): void {
  account.debitsPending -= amount
  account.debitsPosted += amount
}

/** A calendar day as yyyymmdd, for a zone of constant offset. */
export function modelDay(time: number, zoneOffsetMs: number): number {
  const [year = '', month = '', day = ''] = new Date(time + zoneOffsetMs)
    .toISOString()
    .slice(0, 10)
    .split('-')
  return Number(year + month + day)
}
