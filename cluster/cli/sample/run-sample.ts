/**
 * Runs the shipped sample on a bank: opens, funds, pays, then captures, voids and refunds. The order
 * of the stages is the order of the file; within a stage a window of requests is in flight.
 */
import type { Bank, PaymentView, Reply } from '../../../actors/index.js'
import { assert } from '../../../runtime/index.js'
import { CommandFailed } from '../problem.js'
import { Pump, type PumpReply, type PumpResult } from '../replay/pump.js'
import { readSample, type SampleAction, type SampleRow } from './sample-rows.js'

export interface SampleListener {
  /** A stage begins. @returns its progress */
  stage(title: string, unit: string, count: number): (done: number) => void
  running(pump: Pump): void
}

export interface SampleResult {
  /** The stage of payments: automatic and manual ones. */
  readonly payments: PumpResult
  /** Automatic payments that are settled, manual ones that were held. */
  readonly settled: number
  readonly held: number
  /** Captures, voids and refunds. */
  readonly steps: PumpResult
  readonly stepsDone: Readonly<Record<'capture' | 'void' | 'refund', number>>
}

/** Few enough for short latencies, enough for full groups. */
const windowRequests = 512
const replayedReply: PumpReply = { replayed: true }
const stages: readonly {
  readonly title: string
  readonly unit: string
  readonly actions: readonly SampleAction[]
}[] = [
  { title: 'Opening accounts', unit: 'accounts', actions: ['open'] },
  { title: 'Depositing', unit: 'deposits', actions: ['deposit'] },
  { title: 'Setting limits', unit: 'accounts', actions: ['limit', 'freeze'] },
  { title: 'Paying', unit: 'payments', actions: ['pay', 'hold'] },
  { title: 'Capturing, voiding, refunding', unit: 'steps', actions: ['capture', 'void', 'refund'] },
]

/** @throws Fault when the runtime ended; CommandFailed interrupted */
export async function runSample(bank: Bank, listener: SampleListener): Promise<SampleResult> {
  const rows = await readSample()
  const run = new SampleRun(bank, rows)
  const results: PumpResult[] = []
  for (const { title, unit, actions } of stages) {
    const some = rows.filter(({ action }) => actions.includes(action))
    const pump = new Pump({
      count: some.length,
      window: windowRequests,
      send: (i) => run.send(some[i]!),
      onSettled: (i, replayed, reply) => run.settled(some[i]!, reply),
      onProgress: listener.stage(title, unit, some.length),
    })
    listener.running(pump)
    const result = await pump.run()
    results.push(result)
    if (!result.complete) {
      throw new CommandFailed(
        'interrupted',
        'Stopped before the end of the sample. Run the same command again to go on; nothing is paid twice.',
      )
    }
  }
  const [payments, steps] = results.slice(-2)
  assert(payments !== undefined && steps !== undefined, 'the sample has its stages')
  return run.result(payments, steps)
}

class SampleRun {
  private readonly bank: Bank
  /** By row number: id of the payment made there. */
  private readonly paymentIds: string[]
  private readonly done: Record<SampleAction, number> = {
    open: 0,
    deposit: 0,
    limit: 0,
    freeze: 0,
    pay: 0,
    hold: 0,
    capture: 0,
    void: 0,
    refund: 0,
  }

  constructor(bank: Bank, rows: readonly SampleRow[]) {
    this.bank = bank
    this.paymentIds = new Array<string>(rows.length + 1).fill('')
  }

  send(row: SampleRow): Promise<PumpReply> {
    const { bank } = this
    const { action, payer, amount, currency } = row
    const idempotencyKey = `sample-${row.number}`
    switch (action) {
      case 'open':
        return unkeyed(
          payer === ''
            ? bank.openMerchant({ id: row.payee, currency })
            : bank.openAccount({ id: payer, currency }),
        )
      case 'deposit':
        return bank.keyed.deposit({ account: payer, amount, currency, idempotencyKey })
      case 'limit':
        return unkeyed(bank.setLimits(payer, { perPayment: amount }))
      case 'freeze':
        return unkeyed(bank.freeze(payer))
      case 'pay':
        return bank.keyed.pay({ payer, payee: row.payee, amount, currency, idempotencyKey })
      case 'hold':
        return bank.keyed.pay({
          payer,
          payee: row.payee,
          amount,
          currency,
          capture: 'manual',
          idempotencyKey,
        })
      case 'capture':
      case 'void':
      case 'refund':
        return this.step(action, row, idempotencyKey)
    }
  }

  settled(row: SampleRow, reply: PumpReply): void {
    this.done[row.action]++
    if (row.action !== 'pay' && row.action !== 'hold') return
    // Replies of payments are what the bank gave.
    this.paymentIds[row.number] = (reply as Reply<PaymentView>).value.id
  }

  result(payments: PumpResult, steps: PumpResult): SampleResult {
    const { pay, hold, capture, void: voided, refund } = this.done
    return {
      payments,
      settled: pay,
      held: hold,
      steps,
      stepsDone: { capture, void: voided, refund },
    }
  }

  private step(
    action: 'capture' | 'void' | 'refund',
    row: SampleRow,
    idempotencyKey: string,
  ): Promise<PumpReply> {
    const payment = this.paymentIds[row.reference] ?? ''
    const amount = row.amount === 0 ? {} : { amount: row.amount }
    switch (action) {
      case 'capture':
        return this.bank.keyed.capture({ payment, ...amount, final: true, idempotencyKey })
      case 'void':
        return this.bank.keyed.voidPayment({ payment, idempotencyKey })
      case 'refund':
        return this.bank.keyed.refund({ payment, ...amount, idempotencyKey })
    }
  }
}

/** Requests without a key change nothing when they are repeated; they count as known. */
function unkeyed(request: Promise<unknown>): Promise<PumpReply> {
  return request.then(() => replayedReply)
}
