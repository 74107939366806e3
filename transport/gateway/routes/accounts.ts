/** Operations on accounts and merchants: open, read, freeze, close, limit, history, balance. */
import type { AccountKind, Limits, OpenAccount, OpenMerchant } from '../../../actors/index.js'
import { operation, type GatewayContext, type Operation } from '../operation.js'
import type { Code } from '../problem/codes.js'
import { invalidRequest } from '../problem/problem.js'
import { parseMoment } from '../request/moment.js'
import { accountSchema, balanceSchema, historySchema } from '../schemas/answers.js'
import {
  balanceQuery,
  emptyBody,
  historyQuery,
  idParams,
  limitsBody,
  openAccountBody,
  openMerchantBody,
  type BalanceQuery,
  type HistoryQuery,
  type IdParams,
} from '../schemas/requests.js'
import { accountExample, balanceExample, historyExample, merchantExample } from './examples.js'
import { balanceJson, historyJson } from './views.js'

function accountAnswer(kind: AccountKind, status: 200 | 201, description: string) {
  const example = kind === 'account' ? accountExample : merchantExample
  return { status, description, schema: accountSchema, component: 'Account', example } as const
}

const tags = { account: 'Accounts', merchant: 'Merchants' } as const
const names = { account: 'Account', merchant: 'Merchant' } as const

/** The operations that accounts and merchants have in common. */
function ofKind(kind: AccountKind): Operation[] {
  const base = `/v1/${kind}s/{id}`
  const tag = tags[kind]
  const name = names[kind]
  const common = { tag, params: idParams } as const
  return [
    operation<{ Params: IdParams }>({
      ...common,
      method: 'GET',
      path: base,
      id: `get${name}`,
      summary: `One ${kind} with its counters`,
      access: 'own',
      answer: accountAnswer(kind, 200, `The ${kind}.`),
      codes: ['account_not_found'],
      handle(request, _reply, { bank }) {
        const { id } = request.params
        request.caller.mustRead(`${kind}/${id}`)
        return kind === 'merchant' ? bank.merchant(id) : bank.account(`account/${id}`)
      },
    }),
    change(kind, 'freeze', 'Sends nothing and takes no new money any more', []),
    change(kind, 'unfreeze', 'Takes part again', []),
    change(kind, 'close', 'Closes it for good; it must be empty', ['account_not_empty']),
    setLimits(kind),
    history(kind),
    balance(kind),
  ]
}

function change(
  kind: AccountKind,
  verb: 'freeze' | 'unfreeze' | 'close',
  summary: string,
  codes: readonly Code[],
): Operation {
  return operation<{ Params: IdParams }>({
    method: 'POST',
    path: `/v1/${kind}s/{id}/${verb}`,
    id: `${verb}${names[kind]}`,
    tag: tags[kind],
    summary,
    description: 'Asking again for what is so already changes nothing.',
    access: 'operator',
    params: idParams,
    body: { schema: emptyBody, component: 'Nothing', example: {}, optional: true },
    answer: accountAnswer(kind, 200, `The ${kind} as it is now.`),
    codes: [
      'account_not_found',
      ...(verb === 'close' ? [] : (['account_closed'] as const)),
      ...codes,
    ],
    handle: (request, _reply, { bank }: GatewayContext) =>
      bank[verb](`${kind}/${request.params.id}`),
  })
}

function setLimits(kind: AccountKind): Operation {
  return operation<{ Params: IdParams; Body: Limits }>({
    method: 'PUT',
    path: `/v1/${kind}s/{id}/limits`,
    id: `set${names[kind]}Limits`,
    tag: tags[kind],
    summary: 'Replaces its spending limits',
    access: 'operator',
    params: idParams,
    body: {
      schema: limitsBody,
      component: 'SetLimits',
      example: { perPayment: 50_000, perDay: 200_000 },
    },
    answer: accountAnswer(kind, 200, `The ${kind} as it is now.`),
    codes: ['account_not_found', 'account_closed'],
    handle: (request, _reply, { bank }) =>
      bank.setLimits(`${kind}/${request.params.id}`, request.body),
  })
}

function history(kind: AccountKind): Operation {
  return operation<{ Params: IdParams; Querystring: HistoryQuery }>({
    method: 'GET',
    path: `/v1/${kind}s/{id}/history`,
    id: `get${names[kind]}History`,
    tag: tags[kind],
    summary: 'Its entries, newest first',
    access: 'own',
    params: idParams,
    query: historyQuery,
    answer: {
      status: 200,
      description: 'One page of entries.',
      schema: historySchema,
      component: 'History',
      example: historyExample,
    },
    codes: ['account_not_found'],
    async handle(request, _reply, { bank }) {
      const address = `${kind}/${request.params.id}`
      request.caller.mustRead(address)
      return historyJson(await bank.history(address, { ...request.query }))
    },
  })
}

function balance(kind: AccountKind): Operation {
  return operation<{ Params: IdParams; Querystring: BalanceQuery }>({
    method: 'GET',
    path: `/v1/${kind}s/{id}/balance`,
    id: `get${names[kind]}Balance`,
    tag: tags[kind],
    summary: 'Its counters as of a moment',
    access: 'own',
    params: idParams,
    query: balanceQuery,
    answer: {
      status: 200,
      description: 'The counters as of that moment.',
      schema: balanceSchema,
      component: 'Balance',
      example: balanceExample,
    },
    codes: ['account_not_found'],
    async handle(request, _reply, { bank }) {
      const address = `${kind}/${request.params.id}`
      request.caller.mustRead(address)
      const { at } = request.query
      // Now is what the shard calls so: its time never goes back, a clock that was set back does.
      if (at === undefined) return balanceJson(await bank.balanceAt(address))
      const moment = parseMoment(at)
      if (moment === undefined) throw invalidRequest('"at" must be a moment.')
      return balanceJson(await bank.balanceAt(address, moment))
    },
  })
}

export const accountOperations: readonly Operation[] = [
  operation<{ Body: OpenAccount }>({
    method: 'POST',
    path: '/v1/accounts',
    id: 'openAccount',
    tag: 'Accounts',
    summary: 'Opens an account',
    description: 'Opening it again with the same fields answers the account as it is.',
    access: 'operator',
    body: {
      schema: openAccountBody,
      component: 'OpenAccount',
      example: { id: 'alice', currency: 'CNY' },
    },
    answer: accountAnswer('account', 201, 'The account.'),
    codes: ['already_exists'],
    handle: (request, _reply, { bank }) => bank.openAccount(request.body),
  }),
  operation<{ Body: OpenMerchant }>({
    method: 'POST',
    path: '/v1/merchants',
    id: 'openMerchant',
    tag: 'Merchants',
    summary: 'Opens a merchant',
    description: 'Opening it again with the same fields answers the merchant as it is.',
    access: 'operator',
    body: {
      schema: openMerchantBody,
      component: 'OpenMerchant',
      example: { id: 'starbucks', currency: 'CNY' },
    },
    answer: accountAnswer('merchant', 201, 'The merchant.'),
    codes: ['already_exists'],
    handle: (request, _reply, { bank }) => bank.openMerchant(request.body),
  }),
  ...ofKind('account'),
  ...ofKind('merchant'),
]
