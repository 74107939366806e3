/** Schemas of everything the gateway answers with; each is a component of the OpenAPI document. */
import { httpCodes } from '../problem/codes.js'
import {
  addressField,
  amountField,
  countField,
  currencyField,
  idField,
  timeField,
  wordField,
} from './fields.js'
import { described, objectOf, type Schema } from './schema.js'

const kindField = wordField(['account', 'merchant'], 'What the id names.')

const counterFields = {
  debitsPending: countField('Held, not yet taken.', 0),
  debitsPosted: countField('Taken.', 0),
  creditsPending: countField('Expected, not yet given.', 0),
  creditsPosted: countField('Given.', 0),
}

const availableField = countField(
  'creditsPosted − debitsPosted − debitsPending, and the credit limit.',
)

export const limitsSchema: Schema = objectOf(
  {},
  {
    perPayment: described(amountField, 'Largest single payment.'),
    perDay: described(amountField, 'Largest sum of a calendar day.'),
  },
)

export const accountSchema: Schema = objectOf(
  {
    id: idField,
    kind: kindField,
    currency: currencyField,
    status: wordField(['open', 'frozen', 'closed'], 'What the account takes part in.'),
    ...counterFields,
    available: availableField,
    version: countField('Number of changes so far.', 0),
  },
  {
    creditLimit: countField('How far available may be below zero.', 0),
    limits: limitsSchema,
  },
)

export const cashSchema: Schema = objectOf({
  id: idField,
  account: addressField,
  amount: amountField,
  currency: currencyField,
  createdAt: timeField('When the money moved.'),
})

export const paymentSchema: Schema = objectOf(
  {
    id: idField,
    status: wordField(
      ['held', 'settled', 'voided', 'expired', 'failed', 'refunded', 'partially_refunded'],
      'How far the payment got.',
    ),
    payer: addressField,
    payee: addressField,
    amount: amountField,
    captured: countField('What the payee got so far.', 0),
    refunded: countField('What went back to the payer.', 0),
    currency: currencyField,
    createdAt: timeField('When the money was held.'),
  },
  {
    settledAt: timeField('When the payee was credited last.'),
    expiresAt: timeField('When what is left of the hold is released.'),
    memo: { type: 'string', description: 'The text of the request.' },
    failure: { type: 'string', description: 'Code of the reason why a `failed` payment failed.' },
  },
)

export const legSchema: Schema = objectOf({
  payer: addressField,
  payee: addressField,
  amount: amountField,
  currency: currencyField,
})

export const transferSchema: Schema = objectOf({
  id: idField,
  status: wordField(['settled'], 'Every leg is done; a transfer that is not was refused.'),
  legs: { type: 'array', items: legSchema },
  createdAt: timeField('When the first leg was held.'),
  settledAt: timeField('When the last leg was credited.'),
})

export const entrySchema: Schema = objectOf(
  {
    number: countField('1 for the first entry of the account, dense.', 1),
    type: { type: 'string', description: 'What happened.', examples: ['payment'] },
    amount: amountField,
    ...counterFields,
    at: timeField('When it happened.'),
  },
  {
    reference: {
      type: 'string',
      description: 'Payment, transfer, deposit or withdrawal behind it.',
    },
    counterparty: described(addressField, 'The other party.'),
  },
)

export const historySchema: Schema = objectOf(
  { entries: { type: 'array', items: entrySchema, description: 'Newest first.' } },
  { next: countField('Pass as `before` for the next page; absent on the last one.', 1) },
)

export const balanceSchema: Schema = objectOf({
  id: idField,
  kind: kindField,
  currency: currencyField,
  ...counterFields,
  available: availableField,
  at: timeField('The moment asked for.'),
})

export const auditSchema: Schema = objectOf({
  currencies: {
    type: 'array',
    items: objectOf({
      currency: currencyField,
      accounts: countField('Sum over all accounts and merchants; beyond 2^53 the nearest number.'),
      world: countField('Money that came in, negative; rounded likewise.'),
      transit: countField('Money between shards; rounded likewise.'),
      sum: countField('Zero when nothing was lost or made; reckoned exactly.'),
    }),
  },
  inFlight: {
    type: 'array',
    items: objectOf({
      from: countField('Shard the money comes from.', 0),
      to: countField('Shard it goes to.', 0),
      currency: currencyField,
      amount: countField('How much.'),
      oldestMs: countField('Age of the oldest of it, in ms.', 0),
    }),
  },
  conserved: {
    type: 'boolean',
    description: 'False when a sum is off or any pair of shards disagrees.',
  },
  findings: {
    type: 'array',
    items: { type: 'string' },
    description: 'One sentence for each thing that is wrong.',
  },
  checkedAt: timeField('When the audit ended.'),
})

export const quarantineSchema: Schema = objectOf({
  actors: {
    type: 'array',
    items: objectOf({
      address: { type: 'string', description: 'Kind, slash, key.' },
      shard: countField('Where it lives.', 0),
      since: timeField('When it was set aside.'),
      reason: { type: 'string', description: 'Why.' },
      parkedMessages: countField('Messages that wait for its release.', 0),
    }),
  },
})

export const releasedSchema: Schema = objectOf({
  address: { type: 'string', description: 'The released actor.' },
  released: { type: 'boolean', description: 'Always true.' },
})

export const backupSchema: Schema = objectOf(
  {
    state: wordField(
      ['running', 'done'],
      '`running`: it goes on; ask again with the same target to learn its end.',
    ),
    target: { type: 'string', description: 'The folder of the backup.' },
    bytes: countField('Bytes copied so far.', 0),
  },
  {
    bytesTotal: countField('While it is running: bytes to copy.', 0),
    epoch: countField('Epoch of the owner it was made of.', 1),
    shards: countField('Shards of the folder.', 1),
    ordinals: countField('Turns in all journals together: what the backup holds.', 0),
    files: countField('Files copied.', 0),
    pauseMs: { type: 'number', minimum: 0, description: 'ms the journal stood still.' },
    seconds: { type: 'number', minimum: 0, description: 'How long it took.' },
  },
)

/** Liveness and readiness. */
export function healthSchema(word: 'live' | 'ready'): Schema {
  return objectOf({ status: wordField([word], 'Always this word.') })
}

export const problemSchema: Schema = {
  type: 'object',
  description: 'Problem details (RFC 9457).',
  required: ['type', 'title', 'status', 'detail', 'code', 'retryable', 'outcome'],
  properties: {
    type: { type: 'string', format: 'uri', description: '`urn:suanpan:problem:` and the code.' },
    title: { type: 'string', description: 'A few words, the same for every occurrence.' },
    status: { type: 'integer', description: 'The HTTP status.' },
    detail: { type: 'string', description: 'One sentence: what is wrong and what to do.' },
    code: { type: 'string', enum: Object.keys(httpCodes), description: 'Stable; decide by it.' },
    retryable: {
      type: 'boolean',
      description: 'Whether the same request, with the same key, may do better later.',
    },
    outcome: {
      type: 'string',
      enum: ['not_executed', 'unknown'],
      description:
        'Of this request alone. `unknown`: ask again with the same key to learn what happened. ' +
        '`not_executed` says nothing of an earlier request with the same key that ended as `unknown`.',
    },
    line: { type: 'integer', minimum: 1, description: 'In a batch: the line of the request.' },
    idempotentReplayed: {
      type: 'boolean',
      description: 'In a batch: true for the remembered answer of an earlier request.',
    },
  },
}
