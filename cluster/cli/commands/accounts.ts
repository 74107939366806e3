/** `suanpan accounts …`: accounts and merchants of a running node, by hand. */
import type { Command } from 'commander'
import { requestLimits, type AccountView } from '../../../actors/index.js'
import {
  amountIn,
  amountOf,
  checkCurrency,
  keyFor,
  moneyOf,
  partyOf,
  partyPath,
} from '../http/money.js'
import { NodeClient } from '../http/node-client.js'
import {
  accountWords,
  balanceWords,
  cashWords,
  historyWords,
  type BalanceJson,
  type CashJson,
  type EntryJson,
} from '../http/show.js'
import { examples, whole, withNode, type NodeOptions } from '../options.js'
import { Output } from '../output.js'

const addressHelp = 'alice or account/alice, merchant/starbucks'
const amountHelp = 'minor units (3500), or major units with a point (35.00)'
const historyMax = requestLimits.historyEntriesMax

interface OpenOptions extends NodeOptions {
  readonly creditLimit?: string
}

interface KeyedOptions extends NodeOptions {
  readonly idempotencyKey?: string
}

export function addAccounts(program: Command): void {
  const accounts = program
    .command('accounts')
    .summary('open, show, freeze, fund and limit accounts of a running node')
    .description('Accounts and merchants of a running node. A bare id means an account.')
    .addHelpText(
      'after',
      examples(
        'suanpan accounts open alice CNY',
        'suanpan accounts open merchant/starbucks CNY',
        'suanpan accounts deposit alice 1000.00 CNY',
        'suanpan accounts show alice',
        'suanpan accounts balance alice --at 2026-08-01T12:00:00Z',
      ),
    )
  addOpen(accounts)
  addChange(accounts, 'freeze', 'send nothing and take no new money any more')
  addChange(accounts, 'unfreeze', 'take part again')
  addChange(accounts, 'close', 'close an empty account for good')
  addLimits(accounts)
  addCash(accounts, 'deposit', 'bring money in from outside')
  addCash(accounts, 'withdraw', 'take money out of the system')
  addReads(accounts)
}

function addOpen(accounts: Command): void {
  withNode(
    accounts
      .command('open')
      .description('Opens an account or merchant; again with the same fields changes nothing.')
      .argument('<address>', addressHelp)
      .argument('<currency>', 'code of ISO 4217')
      .option('--credit-limit <amount>', `how far it may go below zero: ${amountHelp}`),
  )
    .addHelpText('after', examples('suanpan accounts open alice CNY --credit-limit 100.00'))
    .action(async (address: string, currency: string, options: OpenOptions) => {
      const [kind, id] = partyOf(address)
      checkCurrency(currency)
      const { creditLimit } = options
      const body = {
        id,
        currency,
        ...(creditLimit === undefined ? {} : { creditLimit: amountOf(creditLimit, currency) }),
      }
      await showAccount(options, { method: 'POST', path: `/v1/${kind}s`, body })
    })
}

function addChange(accounts: Command, verb: string, summary: string): void {
  withNode(accounts.command(verb).description(sentence(summary)).argument('<address>', addressHelp))
    .addHelpText('after', examples(`suanpan accounts ${verb} alice`))
    .action(async (address: string, options: NodeOptions) => {
      const path = `${partyPath(address)}/${verb}`
      await showAccount(options, { method: 'POST', path, body: {} })
    })
}

interface LimitsOptions extends NodeOptions {
  readonly perPayment?: string
  readonly perDay?: string
}

function addLimits(accounts: Command): void {
  withNode(
    accounts
      .command('limits')
      .description('Replaces both spending limits; one that is not given is none.')
      .argument('<address>', addressHelp)
      .option('--per-payment <amount>', `at most this much at once, ${amountHelp}`)
      .option('--per-day <amount>', `at most this much a calendar day, ${amountHelp}`),
  )
    .addHelpText('after', examples('suanpan accounts limits alice --per-payment 500.00'))
    .action(async (address: string, options: LimitsOptions) => {
      const { perPayment, perDay } = options
      const path = partyPath(address)
      const currency = async (): Promise<string> =>
        (await new NodeClient(options).ask<AccountView>({ method: 'GET', path })).body.currency
      const body = {
        ...(perPayment === undefined ? {} : { perPayment: await amountIn(perPayment, currency) }),
        ...(perDay === undefined ? {} : { perDay: await amountIn(perDay, currency) }),
      }
      await showAccount(options, { method: 'PUT', path: `${path}/limits`, body })
    })
}

function addCash(accounts: Command, verb: 'deposit' | 'withdraw', summary: string): void {
  withNode(
    accounts
      .command(verb)
      .description(sentence(summary))
      .argument('<address>', addressHelp)
      .argument('<amount>', amountHelp)
      .argument('<currency>', 'code of ISO 4217')
      .option('--idempotency-key <key>', 'name of this request [a new one, shown]'),
  )
    .addHelpText('after', examples(`suanpan accounts ${verb} alice 100.00 CNY`))
    .action(async (account: string, amount: string, currency: string, options: KeyedOptions) => {
      const output = new Output(options.json === true)
      const body = { account, ...moneyOf(amount, currency) }
      const idempotencyKey = keyFor(options.idempotencyKey, output)
      const answer = await new NodeClient(options).ask<CashJson>({
        method: 'POST',
        path: verb === 'deposit' ? '/v1/deposits' : '/v1/withdrawals',
        body,
        idempotencyKey,
      })
      const { replayed } = answer
      output.result({ ...answer.body, idempotencyKey, replayed }, () => {
        const words = cashWords(verb === 'deposit' ? 'deposit' : 'withdrawal', answer.body)
        return replayed ? `${words} (done before with this key)` : words
      })
    })
}

interface HistoryOptions extends NodeOptions {
  readonly limit?: number
  readonly before?: number
}

interface BalanceOptions extends NodeOptions {
  readonly at?: string
}

function addReads(accounts: Command): void {
  withNode(
    accounts
      .command('show')
      .description('One account with its counters.')
      .argument('<address>', addressHelp),
  )
    .addHelpText('after', examples('suanpan accounts show merchant/starbucks --json'))
    .action(async (address: string, options: NodeOptions) => {
      await showAccount(options, { method: 'GET', path: partyPath(address) })
    })
  withNode(
    accounts
      .command('history')
      .description('Its entries, newest first.')
      .argument('<address>', addressHelp)
      .option('--limit <n>', 'entries of a page', whole(1, historyMax))
      .option('--before <n>', 'entries before this number', whole(1, Number.MAX_SAFE_INTEGER)),
  )
    .addHelpText('after', examples('suanpan accounts history alice --limit 20'))
    .action(async (address: string, options: HistoryOptions) => {
      const query = queryOf({ limit: options.limit, before: options.before })
      const path = `${partyPath(address)}/history${query}`
      const { body } = await new NodeClient(options).ask<{
        readonly entries: readonly EntryJson[]
        readonly next?: number
      }>({ method: 'GET', path })
      new Output(options.json === true).result(body, () => historyWords(body.entries, body.next))
    })
  withNode(
    accounts
      .command('balance')
      .description('Its counters as of a moment.')
      .argument('<address>', addressHelp)
      .option('--at <time>', 'ISO 8601, or ms since 1970 [now]'),
  )
    .addHelpText('after', examples('suanpan accounts balance alice --at 2026-08-01T12:00:00Z'))
    .action(async (address: string, options: BalanceOptions) => {
      const path = `${partyPath(address)}/balance${queryOf({ at: options.at })}`
      const { body } = await new NodeClient(options).ask<BalanceJson>({ method: 'GET', path })
      new Output(options.json === true).result(body, () => balanceWords(body))
    })
}

async function showAccount(
  options: NodeOptions,
  request: { method: 'GET' | 'POST' | 'PUT'; path: string; body?: unknown },
): Promise<void> {
  const { body } = await new NodeClient(options).ask<AccountView>(request)
  new Output(options.json === true).result(body, () => accountWords(body))
}

function queryOf(fields: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) query.set(name, String(value))
  }
  return query.size === 0 ? '' : `?${query.toString()}`
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
