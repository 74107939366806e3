/** Schemas of everything a request can carry, and the types that stand for them once checked. */
import { gatewayLimits as limits } from '../limits.js'
import {
  actorAddressField,
  amountField,
  backupTargetField,
  creditLimitField,
  currencyField,
  idempotencyKeyField,
  idField,
  memoField,
  newIdField,
  partyField,
  wordField,
} from './fields.js'
import { objectOf, type Schema } from './schema.js'

export interface IdParams {
  readonly id: string
}

export const idParams: Schema = objectOf({ id: idField })

/** Routes without a query take none: a misspelt parameter must not be ignored. */
export const noQuery: Schema = objectOf({})

/** A body that may be absent, and says nothing when it is there. */
export const emptyBody: Schema = objectOf({})

export const openAccountBody: Schema = objectOf(
  { id: newIdField, currency: currencyField },
  { creditLimit: creditLimitField },
)

export const openMerchantBody: Schema = objectOf({ id: newIdField, currency: currencyField })

export const limitsBody: Schema = {
  ...objectOf({}, { perPayment: amountField, perDay: amountField }),
  description: 'Replaces both limits; an absent one means none.',
}

export const cashBody: Schema = objectOf({
  account: partyField('account'),
  amount: amountField,
  currency: currencyField,
})

const payRequired = {
  payer: partyField('account'),
  payee: partyField('merchant'),
  amount: amountField,
  currency: currencyField,
}

const payOptional = {
  capture: {
    ...wordField(['automatic', 'manual'], 'Whether the payment settles at once or is captured.'),
    default: 'automatic',
  },
  expiresInSeconds: {
    type: 'integer',
    minimum: 1,
    maximum: limits.expiresInSecondsMax,
    description:
      'How long a manual payment is held; an automatic one settles at once, and has no use for it.',
    default: 604_800,
  },
  memo: memoField,
}

export const payBody: Schema = objectOf(payRequired, payOptional)

/** One line of a batch: a payment with its own key. */
export const batchLine: Schema = objectOf(
  { ...payRequired, idempotencyKey: idempotencyKeyField },
  payOptional,
)

export const captureBody: Schema = objectOf(
  {},
  {
    amount: { ...amountField, description: 'How much to capture; absent: the remainder.' },
    final: { type: 'boolean', description: 'Releases what is left of the hold.' },
  },
)

export const refundBody: Schema = objectOf(
  {},
  { amount: { ...amountField, description: 'How much to refund; absent: all that is left.' } },
)

export const transferBody: Schema = objectOf({
  legs: { type: 'array', minItems: 1, maxItems: limits.legsMax, items: objectOf(payRequired) },
})

export interface HistoryQuery {
  readonly limit?: number
  readonly before?: number
}

export const historyQuery: Schema = objectOf(
  {},
  {
    limit: {
      type: 'integer',
      minimum: 1,
      maximum: limits.historyEntriesMax,
      default: limits.historyEntriesDefault,
      description: 'Entries of the page.',
    },
    before: {
      type: 'integer',
      minimum: 1,
      maximum: limits.amountMax,
      description: 'Only entries with a smaller number: `next` of the page before.',
    },
  },
)

export interface BalanceQuery {
  readonly at?: string
}

export const balanceQuery: Schema = objectOf(
  {},
  {
    at: {
      type: 'string',
      format: 'moment',
      description: 'A moment: ISO 8601 with a zone, or whole ms since 1970. Absent: now.',
      'x-rule': 'a time of ISO 8601 with a zone, such as "2026-08-01T09:30:00Z", or ms since 1970',
      examples: ['2026-08-01T09:30:00Z'],
    },
  },
)

export interface BackupBody {
  readonly target: string
}

export const backupBody: Schema = objectOf({ target: backupTargetField })

export const releaseBody: Schema = objectOf({ address: actorAddressField })
