/** `suanpan payments …`: payments and transfers of a running node, by hand. */
import { InvalidArgumentError, type Command } from 'commander'
import { requestLimits } from '../../../actors/index.js'
import { amountIn, keyFor, moneyOf } from '../http/money.js'
import { NodeClient } from '../http/node-client.js'
import { paymentWords, transferWords, type PaymentJson, type TransferJson } from '../http/show.js'
import { examples, whole, withNode, type NodeOptions } from '../options.js'
import { Output } from '../output.js'
import { wrongUsage } from '../problem.js'

const amountHelp = 'minor units (3500), or major units with a point (35.00)'
const secondsMax = requestLimits.expiresInSecondsMax

interface KeyedOptions extends NodeOptions {
  readonly idempotencyKey?: string
}

interface PayOptions extends KeyedOptions {
  readonly manual?: boolean
  readonly expiresIn?: number
  readonly memo?: string
}

interface RefundOptions extends KeyedOptions {
  readonly amount?: string
}

interface CaptureOptions extends RefundOptions {
  readonly final?: boolean
}

export function addPayments(program: Command): void {
  const payments = program
    .command('payments')
    .summary('pay, capture, void, refund and transfer on a running node')
    .description(
      'Payments of a running node. A bare payer is an account, a bare payee a merchant. Every ' +
        'command that moves money has an idempotency key: asked again with it, nothing is done twice.',
    )
    .addHelpText(
      'after',
      examples(
        'suanpan payments pay alice starbucks 35.00 CNY',
        'suanpan payments pay alice hotel 500.00 CNY --manual',
        'suanpan payments capture p1k-3f --amount 300.00 --final',
        'suanpan payments refund p1k-3f',
        'suanpan payments transfer alice:account/bob:5.00 carol:account/bob:7.00 --currency CNY',
      ),
    )
  addPay(payments)
  addSteps(payments)
  addTransfer(payments)
  withNode(
    payments.command('show').description('One payment.').argument('<id>', 'id of the payment'),
  )
    .addHelpText('after', examples('suanpan payments show p1k-3f'))
    .action(async (id: string, options: NodeOptions) => {
      const body = await paymentOf(id, options)
      new Output(options.json === true).result(body, () => paymentWords(body))
    })
}

function withKey(command: Command): Command {
  return withNode(
    command.option('--idempotency-key <key>', 'name of this request [a new one, shown]'),
  )
}

function addPay(payments: Command): void {
  withKey(
    payments
      .command('pay')
      .description('Pays; with --manual only holds the money, to be captured or voided later.')
      .argument('<payer>', 'alice or account/alice, merchant/starbucks')
      .argument('<payee>', 'starbucks or merchant/starbucks, account/bob')
      .argument('<amount>', amountHelp)
      .argument('<currency>', 'code of ISO 4217')
      .option('--manual', 'hold now, capture later')
      .option('--expires-in <seconds>', 'of the hold [7 days]', whole(1, secondsMax))
      .option('--memo <text>', 'what it is for'),
  )
    .addHelpText('after', examples('suanpan payments pay alice starbucks 35.00 CNY --memo latte'))
    .action(
      async (
        payer: string,
        payee: string,
        amount: string,
        currency: string,
        options: PayOptions,
      ) => {
        const { manual, expiresIn, memo } = options
        await move(options, '/v1/payments', {
          payer,
          payee,
          ...moneyOf(amount, currency),
          ...(manual === true ? { capture: 'manual' } : {}),
          ...(expiresIn === undefined ? {} : { expiresInSeconds: expiresIn }),
          ...(memo === undefined ? {} : { memo }),
        })
      },
    )
}

function addSteps(payments: Command): void {
  const step = (verb: string, description: string): Command =>
    withKey(
      payments.command(verb).description(description).argument('<id>', 'id of the payment'),
    ).addHelpText('after', examples(`suanpan payments ${verb} p1k-3f`))
  const path = (id: string, verb: string): string => `${pathOf(id)}/${verb}`

  step('capture', 'Takes held money.')
    .option('--amount <amount>', `${amountHelp} [what is left]`)
    .option('--final', 'give the rest of the hold back')
    .action(async (id: string, options: CaptureOptions) => {
      const { final } = options
      await move(options, path(id, 'capture'), {
        ...(await amountOfStep(id, options)),
        ...(final === true ? { final } : {}),
      })
    })
  step('void', 'Gives held money back.').action(async (id: string, options: KeyedOptions) => {
    await move(options, path(id, 'void'), {})
  })
  step('refund', 'Gives captured money back.')
    .option('--amount <amount>', `${amountHelp} [what is left to refund]`)
    .action(async (id: string, options: RefundOptions) => {
      await move(options, path(id, 'refund'), await amountOfStep(id, options))
    })
}

/** Part of a payment: with a point it is in the payment's currency, which the node is asked for. */
async function amountOfStep(id: string, options: RefundOptions): Promise<{ amount?: number }> {
  if (options.amount === undefined) return {}
  const currency = async (): Promise<string> => (await paymentOf(id, options)).currency
  return { amount: await amountIn(options.amount, currency) }
}

async function paymentOf(id: string, options: NodeOptions): Promise<PaymentJson> {
  const asked = { method: 'GET', path: pathOf(id) } as const
  return (await new NodeClient(options).ask<PaymentJson>(asked)).body
}

/** @throws CommandFailed usage */
function pathOf(id: string): string {
  if (id === '') throw wrongUsage('The id of the payment is empty.')
  return `/v1/payments/${encodeURIComponent(id)}`
}

interface LegText {
  readonly payer: string
  readonly payee: string
  readonly amount: string
}

interface TransferOptions extends KeyedOptions {
  readonly currency: string
}

function addTransfer(payments: Command): void {
  withKey(
    payments
      .command('transfer')
      .description('Several payments, all or nothing, across shards.')
      .argument('<legs...>', 'PAYER:PAYEE:AMOUNT, 1 to 16', collectLegs)
      .requiredOption('--currency <code>', 'of all legs'),
  )
    .addHelpText(
      'after',
      examples('suanpan payments transfer alice:account/bob:5.00 carol:rent:800.00 --currency EUR'),
    )
    .action(async (legs: readonly LegText[], options: TransferOptions) => {
      const output = new Output(options.json === true)
      const body = {
        legs: legs.map(({ payer, payee, amount }) => ({
          payer,
          payee,
          ...moneyOf(amount, options.currency),
        })),
      }
      const idempotencyKey = keyFor(options.idempotencyKey, output)
      const answer = await new NodeClient(options).ask<TransferJson>({
        method: 'POST',
        path: '/v1/transfers',
        body,
        idempotencyKey,
      })
      const { replayed } = answer
      output.result({ ...answer.body, idempotencyKey, replayed }, () => transferWords(answer.body))
    })
}

/** Ids may hold colons, so a leg is split only where exactly two colons make it plain. */
function collectLegs(text: string, legs: readonly LegText[] | undefined): LegText[] {
  const [payer, payee, amount, more] = text.split(':')
  if (payer === undefined || payee === undefined || amount === undefined || more !== undefined) {
    throw new InvalidArgumentError(`"${text}" must be PAYER:PAYEE:AMOUNT.`)
  }
  return [...(legs ?? []), { payer, payee, amount }]
}

async function move(options: KeyedOptions, path: string, body: object): Promise<void> {
  const output = new Output(options.json === true)
  const idempotencyKey = keyFor(options.idempotencyKey, output)
  const answer = await new NodeClient(options).ask<PaymentJson>({
    method: 'POST',
    path,
    body,
    idempotencyKey,
  })
  const { replayed } = answer
  output.result({ ...answer.body, idempotencyKey, replayed }, () => {
    const words = paymentWords(answer.body)
    return replayed ? `${words}\n  (the answer of an earlier request with this key)` : words
  })
}
