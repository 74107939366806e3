/**
 * Every account looked at one by one: for a check of a whole folder, too slow for a running audit.
 *
 * K1. No account is below its floor: available is never negative.
 * K2. Each account's counters follow from its newest entries.
 * K3. The accounts of a currency add up to what the ledgers of the shards say they do.
 */
import type { Address, RuntimeClient } from '../../runtime/index.js'
import type { AccountView, AuditView } from '../bank.js'

/** Newest entries of an account that are recomputed offline. */
const entriesOfVerify = 100_000
const findingsMax = 100

export interface AccountsCheck {
  readonly accounts: number
  readonly merchants: number
  /** One sentence for each thing that is wrong, at most 100; empty when all is well. */
  readonly findings: readonly string[]
}

/** @param audit of the same state */
export async function checkAccounts(
  runtime: RuntimeClient,
  addresses: Iterable<Address>,
  audit: AuditView,
): Promise<AccountsCheck> {
  const findings: string[] = []
  const sums = new Map<string, bigint>()
  const found = { account: 0, merchant: 0 }
  for (const address of addresses) {
    if (!address.startsWith('account/') && !address.startsWith('merchant/')) continue
    // The answers are built by our own actors, so their types are known here.
    const account = (await runtime.query(address, 'view', null)) as AccountView
    found[account.kind]++
    const posted = BigInt(account.creditsPosted) - BigInt(account.debitsPosted)
    sums.set(account.currency, (sums.get(account.currency) ?? 0n) + posted)
    if (account.available < 0) {
      findings.push(`${address} is ${-account.available} ${account.currency} below its floor.`)
    }
    const recount = await runtime.query(address, 'recount', { entries: entriesOfVerify })
    if (typeof recount === 'string' && recount !== '') findings.push(recount)
    if (findings.length >= findingsMax) break
  }
  for (const { currency, accounts } of audit.currencies) {
    const sum = sums.get(currency) ?? 0n
    if (findings.length < findingsMax && Number(sum) !== accounts) {
      findings.push(`The ${currency} accounts add up to ${sum}; their ledgers say ${accounts}.`)
    }
  }
  return { accounts: found.account, merchants: found.merchant, findings }
}
