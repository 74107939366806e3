/**
 * The client of the payment domain: checks requests, names actors, hands answers on. It decides
 * nothing about money and keeps nothing but a sample of addresses for the audit.
 *
 * C1. What is wrong with a request by itself is refused here and never reaches a shard.
 * C2. `keyed.pay` hands on the runtime's own promise; `pay` adds one. Nothing else is made per payment.
 */
import { addressOf, nodeEnv, type Address, type RuntimeClient } from '../runtime/index.js'
import type {
  AccountView,
  AuditView,
  BalanceView,
  Bank,
  Capture,
  Cash,
  CashView,
  HistoryView,
  KeyedBank,
  Limits,
  OpenAccount,
  OpenMerchant,
  Pay,
  PaymentView,
  Refund,
  Reply,
  Transfer,
  TransferView,
  VoidPayment,
} from './bank.js'
import { audit } from './ledger/audit.js'
import { paymentAddress } from './payment/payment-protocol.js'
import {
  atInput,
  captureInput,
  cashInput,
  checkAddress,
  checkId,
  checkKey,
  checkPaymentId,
  historyInput,
  limitsInput,
  openInput,
  payInput,
  refundInput,
  transferInput,
  voidInput,
} from './requests.js'

export interface BankOptions {
  /** Wall clock for the audit, ms since 1970. @default the real one */
  readonly now?: () => number
  /** ms a pair of shards may take to answer an audit. @default 15,000 */
  readonly auditTimeoutMs?: number
}

/** Accounts an audit recomputes from their entries. */
const sampleAccountsMax = 16
/** One payer in this many joins the sample. */
const sampleEvery = 1_024

/** Makes the client of the payment domain on a runtime that runs `payments.actors`. */
export function createBank(runtime: RuntimeClient, options: BankOptions = {}): Bank {
  return new RuntimeBank(runtime, options)
}

class RuntimeBank implements Bank {
  readonly keyed: KeyedBank
  private readonly runtime: RuntimeClient
  private readonly now: () => number
  private readonly auditTimeoutMs: number
  private readonly sample: Address[] = []
  private payments = 0

  constructor(runtime: RuntimeClient, options: BankOptions) {
    this.runtime = runtime
    const { clock } = nodeEnv()
    this.now = options.now ?? (() => clock.now())
    this.auditTimeoutMs = options.auditTimeoutMs ?? 15_000
    this.keyed = {
      deposit: (request) => settled(() => this.askCash('deposit', request)),
      withdraw: (request) => settled(() => this.askCash('withdraw', request)),
      pay: (request) => settled(() => this.askPay(request)),
      capture: (request) => settled(() => this.askStep('capture', request, captureInput(request))),
      voidPayment: (request) => settled(() => this.askStep('void', request, voidInput(request))),
      refund: (request) => settled(() => this.askStep('refund', request, refundInput(request))),
      transfer: (request) => settled(() => this.askTransfer(request)),
    }
  }

  async openAccount(request: OpenAccount): Promise<AccountView> {
    return this.open('account', request)
  }

  async openMerchant(request: OpenMerchant): Promise<AccountView> {
    return this.open('merchant', request)
  }

  async account(address: string): Promise<AccountView> {
    return this.ask(checkAddress(address, 'address', 'account'), 'view', null)
  }

  async merchant(id: string): Promise<AccountView> {
    return this.ask(addressOf('merchant', checkId(id)), 'view', null)
  }

  async freeze(address: string): Promise<AccountView> {
    return this.change(address, 'freeze', null)
  }

  async unfreeze(address: string): Promise<AccountView> {
    return this.change(address, 'unfreeze', null)
  }

  async close(address: string): Promise<AccountView> {
    return this.change(address, 'close', null)
  }

  async setLimits(address: string, limits: Limits): Promise<AccountView> {
    return this.change(address, 'setLimits', limitsInput(limits))
  }

  async deposit(request: Cash): Promise<CashView> {
    return (await this.askCash('deposit', request)).value
  }

  async withdraw(request: Cash): Promise<CashView> {
    return (await this.askCash('withdraw', request)).value
  }

  async pay(request: Pay): Promise<PaymentView> {
    return (await this.askPay(request)).value
  }

  async capture(request: Capture): Promise<PaymentView> {
    return (await this.askStep('capture', request, captureInput(request))).value
  }

  async voidPayment(request: VoidPayment): Promise<PaymentView> {
    return (await this.askStep('void', request, voidInput(request))).value
  }

  async refund(request: Refund): Promise<PaymentView> {
    return (await this.askStep('refund', request, refundInput(request))).value
  }

  async payment(id: string): Promise<PaymentView> {
    return this.ask(paymentAddress(checkPaymentId(id, this.runtime.shards)), 'view', null)
  }

  async transfer(request: Transfer): Promise<TransferView> {
    return (await this.askTransfer(request)).value
  }

  async history(
    address: string,
    options: { limit?: number; before?: number } = {},
  ): Promise<HistoryView> {
    const target = checkAddress(address, 'address', 'account')
    return this.ask(target, 'history', historyInput(options))
  }

  async balanceAt(address: string, at?: number): Promise<BalanceView> {
    return this.ask(checkAddress(address, 'address', 'account'), 'balanceAt', atInput(at))
  }

  audit(): Promise<AuditView> {
    return audit(this.runtime, {
      now: this.now,
      accounts: [...this.sample],
      compareTimeoutMs: this.auditTimeoutMs,
    })
  }

  private async open(kind: 'account' | 'merchant', request: OpenAccount): Promise<AccountView> {
    const { id, currency, creditLimit } = openInput(request, kind)
    const address = addressOf(kind, id)
    const { value } = await this.runtime.command(address, 'open', { currency, creditLimit })
    if (this.sample.length < sampleAccountsMax) this.remember(address)
    return value as AccountView
  }

  /** Adds to the sample of the audit; the oldest leaves. */
  private remember(address: Address): void {
    if (this.sample.length === sampleAccountsMax) this.sample.shift()
    this.sample.push(address)
  }

  // The answers below are built by our own actors, so their types are known where they are asked.

  private async ask<T>(address: Address, query: string, input: unknown): Promise<T> {
    return (await this.runtime.query(address, query, input)) as T
  }

  private async change(address: string, command: string, input: unknown): Promise<AccountView> {
    const target = checkAddress(address, 'address', 'account')
    return (await this.runtime.command(target, command, input)).value as AccountView
  }

  private askCash(command: 'deposit' | 'withdraw', request: Cash): Promise<Reply<CashView>> {
    const input = cashInput(request)
    const address = checkAddress(request.account, 'account', 'account')
    return this.command(address, command, input, request.idempotencyKey)
  }

  private askPay(request: Pay): Promise<Reply<PaymentView>> {
    const payer = checkAddress((request as Pay | null)?.payer, 'payer', 'account')
    const input = payInput(request, payer)
    if (++this.payments % sampleEvery === 0) this.remember(payer)
    return this.command(payer, 'pay', input, request.idempotencyKey)
  }

  private askStep(
    command: 'capture' | 'void' | 'refund',
    request: Capture | VoidPayment | Refund,
    input: unknown,
  ): Promise<Reply<PaymentView>> {
    const id = checkPaymentId(request.payment, this.runtime.shards)
    return this.command(paymentAddress(id), command, input, request.idempotencyKey)
  }

  private askTransfer(request: Transfer): Promise<Reply<TransferView>> {
    const input = transferInput(request)
    const first = input.legs[0]?.payer ?? ''
    return this.command(first, 'transfer', input, request.idempotencyKey)
  }

  private command<T>(
    address: Address,
    command: string,
    input: unknown,
    key: unknown,
  ): Promise<Reply<T>> {
    const options = { idempotencyKey: checkKey(key) }
    return this.runtime.command(address, command, input, options) as Promise<Reply<T>>
  }
}

/** The promise itself, without one around it: what is thrown before there is one rejects. */
function settled<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return ask()
  } catch (error) {
    return Promise.reject(error instanceof Error ? error : new Error(String(error)))
  }
}
