/** Opens the accounts and merchants of a workload and gives each account money enough for any run. */
import type { Bank } from '../../actors/index.js'
import { currency, type Parties } from './parties.js'

/** Minor units every account begins with: no run is long enough to spend it. */
export const fundsEach = 1_000_000_000_000
const atOnceMax = 8_192

export async function openParties(bank: Bank, parties: Parties): Promise<void> {
  await inWindow(parties.count, (party) => openParty(bank, parties, party))
}

async function openParty(bank: Bank, parties: Parties, party: number): Promise<void> {
  const address = parties.addresses[party]!
  const id = address.slice(address.indexOf('/') + 1)
  if (parties.isMerchant(party)) {
    await bank.openMerchant({ id, currency })
    return
  }
  await bank.openAccount({ id, currency })
  await bank.deposit({ account: id, amount: fundsEach, currency, idempotencyKey: 'funds' })
}

/** Runs for 0 to count − 1, a bounded number at once. */
export async function inWindow(count: number, run: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const work = async (): Promise<void> => {
    while (next < count) await run(next++)
  }
  await Promise.all(Array.from({ length: Math.min(atOnceMax, count) }, work))
}
