/**
 * Runs card transactions through the whole embedded path: accounts `c<id>` pay merchants `t<id>`.
 *
 * R1. The transaction's id is the idempotency key of its payment, so running a file again, or going on
 *     after a crash, pays nothing twice.
 *     Where those keys are forgotten nothing is paid: a node that served the folder since remembers them
 *     for a day.
 * R2. Opening deposits are computed from the whole file, whatever part of it is paid, and carry the
 *     customer's key: they too happen once.
 */
import type { AccountView, Bank } from '../../../actors/index.js'
import { CommandFailed } from '../problem.js'
import type { CardTransactions } from './card-transactions.js'
import { Pump, type PumpOptions, type PumpReply, type PumpResult } from './pump.js'

export interface ReplayOptions {
  readonly currency: string
  /** Payments in flight at most. */
  readonly window: number
  /** Payments a second; 0 for as fast as answers come. */
  readonly rate: number
  /** Rows to pay, from the first. */
  readonly limit: number
}

/** Who tells the stages of a replay apart and shows them. */
export interface ReplayListener {
  /** A stage begins. @returns its progress, called with what is done */
  stage(name: 'open' | 'deposit' | 'pay', count: number): (done: number) => void
  /** A pump runs and can be stopped. */
  running(pump: Pump): void
}

/** What is known after the payments. */
export interface ReplayResult {
  readonly openings: PumpResult
  readonly deposits: PumpResult
  readonly payments: PumpResult
  /** By customer, then by terminal: minor units of the payments that are settled. */
  readonly paidByCustomer: Float64Array
  readonly paidToTerminal: Float64Array
}

const notReplayed: PumpReply = { replayed: false }

/** @throws Fault when the runtime ended; CommandFailed keys_forgotten */
export async function replay(
  bank: Bank,
  file: CardTransactions,
  options: ReplayOptions,
  listener: ReplayListener,
): Promise<ReplayResult> {
  const { currency } = options
  const customers = file.customerIds.map((id) => `account/c${id}`)
  const terminals = file.terminalIds.map((id) => `merchant/t${id}`)
  const paidByCustomer = new Float64Array(customers.length)
  const paidToTerminal = new Float64Array(terminals.length)
  const run = (stage: 'open' | 'deposit' | 'pay', pumped: Omit<PumpOptions, 'window'>) => {
    const pump = new Pump({
      ...pumped,
      window: options.window,
      onProgress: listener.stage(stage, pumped.count),
    })
    listener.running(pump)
    return pump.run()
  }
  const funded: number[] = []
  const openings = await run('open', {
    count: customers.length + terminals.length,
    send: async (i) => {
      const { creditsPosted } = await openParty(bank, file, currency, i)
      if (i < customers.length && creditsPosted > 0) funded.push(i)
      return notReplayed
    },
  })
  if (openings.complete) await checkRemembered(bank, file, options, funded)
  const opening = openingDeposits(file)
  const deposits = await run('deposit', {
    count: customers.length,
    send: (i) =>
      bank.keyed.deposit({
        account: customers[i] ?? '',
        amount: opening[i] ?? 0,
        currency,
        idempotencyKey: `opening-${file.customerIds[i] ?? ''}`,
      }),
  })
  const { customers: payers, terminals: payees, amounts, transactionIds } = file
  const payments = await run('pay', {
    count: Math.min(options.limit, file.rows),
    rate: options.rate,
    send: (i) =>
      bank.keyed.pay({
        payer: customers[payers[i]!]!,
        payee: terminals[payees[i]!]!,
        amount: amounts[i]!,
        currency,
        idempotencyKey: `tx-${transactionIds[i]!}`,
      }),
    onSettled: (i) => {
      paidByCustomer[payers[i]!]! += amounts[i]!
      paidToTerminal[payees[i]!]! += amounts[i]!
    },
  })
  return { openings, deposits, payments, paidByCustomer, paidToTerminal }
}

function openParty(
  bank: Bank,
  file: CardTransactions,
  currency: string,
  number: number,
): Promise<AccountView> {
  const customers = file.customerIds.length
  return number < customers
    ? bank.openAccount({ id: `c${file.customerIds[number] ?? ''}`, currency })
    : bank.openMerchant({ id: `t${file.terminalIds[number - customers] ?? ''}`, currency })
}

/**
 * Customers who have money got it by their opening deposits, whose keys are older than those of their
 * payments: while they are remembered all are (R1). Asked with a request that can't be done: a key that is
 * known refuses it as another one's, before anything else is looked at.
 * @throws CommandFailed keys_forgotten
 */
async function checkRemembered(
  bank: Bank,
  file: CardTransactions,
  { currency, window }: ReplayOptions,
  funded: readonly number[],
): Promise<void> {
  let forgotten = 0
  const asking = new Pump({
    ...{ count: funded.length, window },
    send: (i) => {
      const id = file.customerIds[funded[i]!] ?? ''
      return bank.keyed.deposit({
        ...{ account: `account/c${id}`, amount: 1, idempotencyKey: `opening-${id}` },
        currency: currency === 'EUR' ? 'USD' : 'EUR',
      })
    },
    onRefused: (_, code) => {
      if (code !== 'idempotency_conflict') forgotten++
    },
  })
  await asking.run()
  if (forgotten === 0) return
  throw new CommandFailed(
    'keys_forgotten',
    `The data folder has money of ${forgotten} customers of this file and has forgotten by which requests, so rows could be paid twice; nothing was paid. Use a new data folder.`,
  )
}

/** What each customer needs for all rows of the file. */
export function openingDeposits(file: CardTransactions): Float64Array {
  const sums = new Float64Array(file.customerIds.length)
  for (let row = 0; row < file.rows; row++) sums[file.customers[row]!]! += file.amounts[row]!
  return sums
}
