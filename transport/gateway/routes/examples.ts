/** Examples of requests and answers, shown in the OpenAPI document and checked by its test. */

export const accountExample = {
  id: 'alice',
  kind: 'account',
  currency: 'CNY',
  status: 'open',
  debitsPending: 0,
  debitsPosted: 3500,
  creditsPending: 0,
  creditsPosted: 100_000,
  available: 96_500,
  version: 3,
}

export const merchantExample = {
  ...accountExample,
  id: 'starbucks',
  kind: 'merchant',
  debitsPosted: 0,
  creditsPosted: 3500,
  available: 3500,
  version: 2,
}

export const cashExample = {
  id: 'd1k-2',
  account: 'account/alice',
  amount: 100_000,
  currency: 'CNY',
  createdAt: '2026-08-01T09:00:00.000Z',
}

export const payExample = {
  payer: 'account/alice',
  payee: 'merchant/starbucks',
  amount: 3500,
  currency: 'CNY',
  memo: 'Order 42',
}

export const paymentExample = {
  id: 'p1k-3f',
  status: 'settled',
  payer: 'account/alice',
  payee: 'merchant/starbucks',
  amount: 3500,
  captured: 3500,
  refunded: 0,
  currency: 'CNY',
  createdAt: '2026-08-01T09:30:00.000Z',
  settledAt: '2026-08-01T09:30:00.004Z',
  memo: 'Order 42',
}

const legExample = { payer: 'account/alice', payee: 'account/bob', amount: 500, currency: 'CNY' }

export const transferBodyExample = { legs: [legExample] }

export const transferExample = {
  id: 't1k-7',
  status: 'settled',
  legs: [legExample],
  createdAt: '2026-08-01T09:31:00.000Z',
  settledAt: '2026-08-01T09:31:00.006Z',
}

const countersExample = {
  debitsPending: 0,
  debitsPosted: 3500,
  creditsPending: 0,
  creditsPosted: 100_000,
}

export const historyExample = {
  entries: [
    {
      number: 2,
      type: 'payment',
      amount: 3500,
      ...countersExample,
      at: '2026-08-01T09:30:00.004Z',
      reference: 'p1k-3f',
      counterparty: 'merchant/starbucks',
    },
  ],
  next: 2,
}

export const balanceExample = {
  id: 'alice',
  kind: 'account',
  currency: 'CNY',
  ...countersExample,
  available: 96_500,
  at: '2026-08-01T12:00:00.000Z',
}

export const auditExample = {
  currencies: [{ currency: 'CNY', accounts: 100_000, world: -100_000, transit: 0, sum: 0 }],
  inFlight: [],
  conserved: true,
  findings: [],
  checkedAt: '2026-08-01T12:00:00.000Z',
}

export const quarantineExample = {
  actors: [
    {
      address: 'account/alice',
      shard: 56,
      since: '2026-08-01T11:00:00.000Z',
      reason: 'account/alice failed 3 times in a row.',
      parkedMessages: 1,
    },
  ],
}

export const backupExample = {
  state: 'done',
  target: '/backups/monday',
  epoch: 7,
  shards: 32,
  ordinals: 1_204_311,
  files: 71,
  bytes: 81_264_640,
  pauseMs: 3.1,
  seconds: 1.9,
}
