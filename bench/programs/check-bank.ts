/** Compares what a bank holds after recovery with what was acknowledged before. */
import { Fault, Refused } from '../../runtime/index.js'
import type { AccountView, AuditView, Bank } from '../../actors/index.js'
import { amountEach, compare, readAcknowledged, type Sample } from '../harness/acknowledged.js'
import type { Integrity } from '../harness/integrity.js'
import { fundsEach, inWindow } from './open-parties.js'
import { currency, Parties } from './parties.js'

/** Compares what a bank holds with what was acknowledged. */
export async function checkBank(
  bank: Bank,
  accounts: number,
  acknowledged: readonly string[],
): Promise<Integrity> {
  const expected = readAcknowledged(acknowledged)
  const parties = new Parties(accounts)
  const audit = await settledAudit(bank)
  const paid = new Float64Array(parties.count)
  const received = new Float64Array(parties.count)
  const findings = [...audit.findings]
  await inWindow(parties.count, async (party) => {
    const account = await viewOf(bank, parties.addresses[party]!)
    if (account === undefined) {
      findings.push(`${parties.addresses[party]!} was opened and is not there.`)
      return
    }
    // The opening deposit is money, and no payment of the run.
    const opening = parties.isMerchant(party) ? 0 : fundsEach
    paid[party] = account.debitsPosted / amountEach
    received[party] = (account.creditsPosted - opening) / amountEach
  })
  const compared = compare(expected, { paid, received })
  const samples = await askAgain(bank, expected.samples)
  return {
    ...compared,
    lost: Math.max(compared.lost, samples.lost),
    duplicated: compared.duplicated + samples.again,
    asked: expected.samples.length,
    conserved: audit.conserved && findings.length === 0,
    findings: findings.slice(0, 10),
  }
}

async function viewOf(bank: Bank, address: string): Promise<AccountView | undefined> {
  try {
    return await bank.account(address)
  } catch (error) {
    if (error instanceof Refused) return undefined
    throw error
  }
}

const auditsMax = 200

/** What was in flight at the end is finished by the owner that recovers it: audits until nothing is. */
async function settledAudit(bank: Bank): Promise<AuditView> {
  let audit = await bank.audit()
  for (let i = 0; i < auditsMax && audit.inFlight.length > 0; i++) audit = await bank.audit()
  return audit
}

/** K3: each kept payment must be there as it was answered, and its key must answer with it. */
async function askAgain(
  bank: Bank,
  samples: readonly Sample[],
): Promise<{ lost: number; again: number }> {
  let lost = 0
  let again = 0
  await inWindow(samples.length, async (i) => {
    const { id, payer, payee, idempotencyKey } = samples[i]!
    try {
      const payment = await bank.payment(id)
      if (payment.status !== 'settled' || payment.payer !== payer || payment.payee !== payee) lost++
      const asked = { payer, payee, amount: amountEach, currency, idempotencyKey }
      const answer = await bank.keyed.pay(asked)
      if (!answer.replayed || answer.value.id !== id) again++
    } catch (error) {
      if (!(error instanceof Refused) && !(error instanceof Fault)) throw error
      lost++
    }
  })
  return { lost, again }
}
