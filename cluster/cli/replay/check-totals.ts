/**
 * After a replay: does every account and merchant hold exactly what its rows add up to?
 *
 * K1. A terminal's posted credits and a customer's posted debits equal the settled rows; nothing is
 *     pending. With a limit, the folder may hold more of the same file, but never more than all of it.
 */
import type { AccountView, AuditView, Bank } from '../../../actors/index.js'
import type { CardTransactions } from './card-transactions.js'
import { openingDeposits, type ReplayResult } from './replay.js'

export interface TotalsCheck {
  readonly customersChecked: number
  readonly terminalsChecked: number
  /** One sentence for each disagreement, at most {@link findingsMax}. */
  readonly findings: readonly string[]
  readonly audit: AuditView
}

const findingsMax = 20
const readsAtOnce = 1_000
/** Posts come after the answer; reads of what is still pending are repeated. */
const pendingReadsMax = 100
const pendingWaitMs = 50

/** @param partial only some rows of the file were paid */
export async function checkTotals(
  bank: Bank,
  file: CardTransactions,
  result: ReplayResult,
  partial: boolean,
): Promise<TotalsCheck> {
  // Comparing all pairs of shards lets what is under way arrive.
  const audit = await bank.audit()
  const findings: string[] = []
  const wholeToTerminal = new Float64Array(file.terminalIds.length)
  for (let row = 0; row < file.rows; row++) {
    wholeToTerminal[file.terminals[row]!]! += file.amounts[row]!
  }
  const most = partial
    ? { customer: openingDeposits(file), terminal: wholeToTerminal }
    : { customer: result.paidByCustomer, terminal: result.paidToTerminal }
  const checks = [
    {
      addresses: file.customerIds.map((id) => `account/c${id}`),
      counter: 'debitsPosted',
      least: result.paidByCustomer,
      most: most.customer,
    },
    {
      addresses: file.terminalIds.map((id) => `merchant/t${id}`),
      counter: 'creditsPosted',
      least: result.paidToTerminal,
      most: most.terminal,
    },
  ] as const
  for (const { addresses, counter, least, most: atMost } of checks) {
    await eachAccount(bank, addresses, (i, account) => {
      const posted = account[counter]
      if (account.debitsPending !== 0) {
        findings.push(`${addresses[i] ?? ''} still has ${account.debitsPending} pending.`)
      } else if (posted < least[i]! || posted > atMost[i]!) {
        findings.push(
          `${addresses[i] ?? ''} has ${counter} ${posted}; its settled rows add up to ${least[i]!}.`,
        )
      }
    })
  }
  return {
    customersChecked: file.customerIds.length,
    terminalsChecked: file.terminalIds.length,
    findings: findings.slice(0, findingsMax),
    audit,
  }
}

async function eachAccount(
  bank: Bank,
  addresses: readonly string[],
  check: (i: number, account: AccountView) => void,
): Promise<void> {
  for (let from = 0; from < addresses.length; from += readsAtOnce) {
    const some = addresses.slice(from, from + readsAtOnce)
    const accounts = await Promise.all(some.map((address) => settledAccount(bank, address)))
    accounts.forEach((account, i) => {
      check(from + i, account)
    })
  }
}

/** Reads an account, again while something of it is pending. */
async function settledAccount(bank: Bank, address: string): Promise<AccountView> {
  for (let reads = 1; ; reads++) {
    const account = await bank.account(address)
    if (account.debitsPending === 0 || reads === pendingReadsMax) return account
    await new Promise((resolve) => setTimeout(resolve, pendingWaitMs))
  }
}
