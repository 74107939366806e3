/** Operations that move money: deposits, withdrawals, payments and their steps, transfers. */
import type { FastifyReply } from 'fastify'
import type { Capture, Cash, Leg, Pay, Refund, Reply } from '../../../actors/index.js'
import { Refused } from '../../../runtime/index.js'
import { operation, type GatewayContext, type Operation } from '../operation.js'
import type { Code } from '../problem/codes.js'
import { GatewayRefusal } from '../problem/problem.js'
import { idempotencyKeyOf } from '../request/idempotency-key.js'
import { cashSchema, paymentSchema, transferSchema } from '../schemas/answers.js'
import {
  captureBody,
  cashBody,
  emptyBody,
  idParams,
  payBody,
  refundBody,
  transferBody,
  type IdParams,
} from '../schemas/requests.js'
import { fullAddress, type Caller } from '../security/caller.js'
import {
  cashExample,
  payExample,
  paymentExample,
  transferBodyExample,
  transferExample,
} from './examples.js'
import { cashJson, paymentJson, transferJson } from './views.js'

/** The answer's value; says in a header when it is a remembered one. */
function valueOf<T>(reply: FastifyReply, answered: Reply<T>): T {
  if (answered.replayed) reply.header('idempotent-replayed', 'true')
  return answered.value
}

const paymentAnswer = {
  schema: paymentSchema,
  component: 'Payment',
  example: paymentExample,
} as const

const moving: readonly Code[] = [
  'account_not_found',
  'payee_not_found',
  'account_closed',
  'account_frozen',
  'currency_mismatch',
  'limit_exceeded',
  'insufficient_funds',
]
const ofPayment: readonly Code[] = [
  'not_found',
  'payment_already_voided',
  'payment_already_expired',
  'payment_already_failed',
]

function cash(verb: 'deposit' | 'withdraw', path: string, summary: string): Operation {
  const codes: Code[] = ['account_not_found', 'account_closed', 'account_frozen']
  codes.push('currency_mismatch', 'limit_exceeded')
  if (verb === 'withdraw') codes.push('insufficient_funds')
  return operation<{ Body: Omit<Cash, 'idempotencyKey'> }>({
    method: 'POST',
    path,
    id: verb,
    tag: 'Cash',
    summary,
    access: 'operator',
    keyed: true,
    body: {
      schema: cashBody,
      component: 'Cash',
      example: { account: 'alice', amount: 100_000, currency: 'CNY' },
    },
    answer: {
      status: 201,
      description: 'The movement.',
      schema: cashSchema,
      component: 'CashMovement',
      example: cashExample,
    },
    codes,
    async handle(request, reply, { bank }) {
      const idempotencyKey = idempotencyKeyOf(request)
      const answered = await bank.keyed[verb]({ ...request.body, idempotencyKey })
      return cashJson(valueOf(reply, answered))
    },
  })
}

type PaymentStep = 'capture' | 'void' | 'refund'
type StepBody = Omit<Capture, 'payment' | 'idempotencyKey'> &
  Omit<Refund, 'payment' | 'idempotencyKey'>

/**
 * W2. Whose keys may take each step. A refund takes the payee's money, so it is the payee's to give; capture
 * and void are agreed on with the hold, by both.
 */
const partiesOf: Readonly<Record<PaymentStep, readonly ('payer' | 'payee')[]>> = {
  capture: ['payer', 'payee'],
  void: ['payer', 'payee'],
  refund: ['payee'],
}

/** A step wants a key of one of its parties; what is not theirs looks like what is not there. */
async function mustTake(
  verb: PaymentStep,
  caller: Caller,
  id: string,
  { bank }: GatewayContext,
): Promise<void> {
  if (caller.paysAsAnyone) return
  try {
    const payment = await bank.payment(id)
    if (partiesOf[verb].some((party) => caller.owns(payment[party]))) return
  } catch (error) {
    if (!(error instanceof Refused)) throw error
  }
  throw new GatewayRefusal(
    'forbidden',
    `There is no payment with this id that this API key may ${verb}.`,
  )
}

function step(
  verb: PaymentStep,
  summary: string,
  codes: readonly Code[],
  body: NonNullable<Operation['body']>,
  ask: (
    context: GatewayContext,
    request: StepBody & { payment: string; idempotencyKey: string },
  ) => ReturnType<GatewayContext['bank']['keyed']['capture']>,
): Operation {
  return operation<{ Params: IdParams; Body?: StepBody }>({
    method: 'POST',
    path: `/v1/payments/{id}/${verb}`,
    id: `${verb}Payment`,
    tag: 'Payments',
    summary,
    description: `With API keys, it takes one that may pay as the payment's ${partiesOf[verb].join(' or ')}, or as anybody.`,
    access: 'pay',
    keyed: true,
    params: idParams,
    body,
    answer: { ...paymentAnswer, status: 200, description: 'The payment after this step.' },
    codes: [...ofPayment, ...codes],
    async handle(request, reply, context) {
      const idempotencyKey = idempotencyKeyOf(request)
      const { id } = request.params
      await mustTake(verb, request.caller, id, context)
      const answered = await ask(context, { ...request.body, payment: id, idempotencyKey })
      return paymentJson(valueOf(reply, answered))
    },
  })
}

const pay = operation<{ Body: Omit<Pay, 'idempotencyKey'> }>({
  method: 'POST',
  path: '/v1/payments',
  id: 'pay',
  tag: 'Payments',
  summary: 'Makes a payment',
  description:
    'Answers when the payee is credited, durably; with `capture: manual`, when the money is held.',
  access: 'pay',
  keyed: true,
  body: { schema: payBody, component: 'Pay', example: payExample },
  answer: { ...paymentAnswer, status: 201, description: 'The payment.' },
  codes: [...moving, 'risk_denied'],
  async handle(request, reply, { bank }) {
    const idempotencyKey = idempotencyKeyOf(request)
    const { body, caller } = request
    if (!caller.paysAsAnyone) caller.mustPayAs(fullAddress(body.payer, 'account'))
    const answered = await bank.keyed.pay({ ...body, idempotencyKey })
    return paymentJson(valueOf(reply, answered))
  },
})

const getPayment = operation<{ Params: IdParams }>({
  method: 'GET',
  path: '/v1/payments/{id}',
  id: 'getPayment',
  tag: 'Payments',
  summary: 'One payment',
  access: 'own',
  params: idParams,
  answer: { ...paymentAnswer, status: 200, description: 'The payment.' },
  codes: ['not_found'],
  async handle(request, _reply, { bank }) {
    const { caller, params } = request
    if (caller.readsAll || caller.paysAsAnyone) return paymentJson(await bank.payment(params.id))
    try {
      const payment = await bank.payment(params.id)
      if (caller.owns(payment.payer) || caller.owns(payment.payee)) return paymentJson(payment)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
    }
    throw new GatewayRefusal(
      'forbidden',
      'There is no payment with this id that this API key may read.',
    )
  },
})

const transfer = operation<{ Body: { legs: readonly Leg[] } }>({
  method: 'POST',
  path: '/v1/transfers',
  id: 'transfer',
  tag: 'Transfers',
  summary: 'Moves several amounts, all or nothing',
  description: 'The idempotency key belongs to the payer of the first leg.',
  access: 'pay',
  keyed: true,
  body: { schema: transferBody, component: 'Transfer', example: transferBodyExample },
  answer: {
    status: 201,
    description: 'The transfer, settled.',
    schema: transferSchema,
    component: 'SettledTransfer',
    example: transferExample,
  },
  codes: [...moving],
  async handle(request, reply, { bank }) {
    const idempotencyKey = idempotencyKeyOf(request)
    const { legs } = request.body
    for (const leg of legs) request.caller.mustPayAs(fullAddress(leg.payer, 'account'))
    return transferJson(valueOf(reply, await bank.keyed.transfer({ legs, idempotencyKey })))
  },
})

export const moneyOperations: readonly Operation[] = [
  cash('deposit', '/v1/deposits', 'Brings money in from outside'),
  cash('withdraw', '/v1/withdrawals', 'Takes money out'),
  pay,
  getPayment,
  step(
    'capture',
    'Captures all or part of a held payment',
    [
      'payment_already_captured',
      'amount_exceeds_capturable',
      'payee_not_found',
      'account_closed',
      'account_frozen',
      'currency_mismatch',
      'limit_exceeded',
    ],
    { schema: captureBody, component: 'Capture', example: { amount: 1500 }, optional: true },
    ({ bank }, request) => bank.keyed.capture(request),
  ),
  step(
    'void',
    'Gives back what is left of a held payment',
    ['payment_already_captured'],
    { schema: emptyBody, component: 'Nothing', example: {}, optional: true },
    ({ bank }, request) => bank.keyed.voidPayment(request),
  ),
  step(
    'refund',
    'Gives back all or part of what was captured',
    [
      'amount_exceeds_refundable',
      'account_closed',
      'account_frozen',
      'insufficient_funds',
      'limit_exceeded',
    ],
    { schema: refundBody, component: 'Refund', example: { amount: 500 }, optional: true },
    ({ bank }, request) => bank.keyed.refund(request),
  ),
  transfer,
]
